-- Where the time of a deployment went. A phase comes back with every batch of hosts, so its time is the sum of the steps that lead to its events.
CREATE VIEW v_phase_timing AS
SELECT
    n.*,
    jsonb_build_object(
        'deployment_id', n.deployment_id,
        'fraise', n.fraise,
        'environment', n.environment,
        'job', n.job,
        'run', n.run,
        'phase', n.phase,
        'started_at', to_char(n.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'completed_at', to_char(n.completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'duration_seconds', n.duration_seconds,
        'hosts', n.hosts,
        'tasks', n.tasks,
        'failed', n.failed
    ) AS data
FROM (
    SELECT
        e.fk_deployment,
        d.id AS deployment_id,
        d.fraise,
        d.environment,
        d.job,
        e.run,
        e.phase,
        min(e.created_at) AS started_at,
        max(e.created_at) AS completed_at,
        CAST(round(CAST(coalesce(sum(e.seconds), 0) AS numeric), 3) AS double precision) AS duration_seconds,
        count(DISTINCT e.host) FILTER (WHERE e.host <> '') AS hosts,
        count(*) FILTER (WHERE e.event = 'task') AS tasks,
        count(*) FILTER (WHERE e.status IN ('failed', 'unreachable')) AS failed
    FROM (
        SELECT
            fk_deployment, run, phase, event, host, status, created_at,
            extract(epoch FROM created_at - lag(created_at) OVER earlier) AS seconds
        FROM tb_deployment_event
        WINDOW earlier AS (PARTITION BY fk_deployment, run ORDER BY sequence)
    ) AS e
    JOIN tb_deployment AS d ON d.pk_deployment = e.fk_deployment
    WHERE e.phase <> ''
    GROUP BY e.fk_deployment, d.id, d.fraise, d.environment, d.job, e.run, e.phase
) AS n;
