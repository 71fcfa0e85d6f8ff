-- Where the time of a deployment went. A phase comes back with every batch of hosts, so its time is the sum of the steps that lead to its events.
CREATE VIEW v_phase_timing AS
SELECT
    n.*,
    json_object(
        'deployment_id', n.deployment_id,
        'fraise', n.fraise,
        'environment', n.environment,
        'job', n.job,
        'run', n.run,
        'phase', n.phase,
        'started_at', n.started_at,
        'completed_at', n.completed_at,
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
        round(coalesce(sum(e.seconds), 0.0), 3) AS duration_seconds,
        count(DISTINCT e.host) FILTER (WHERE e.host <> '') AS hosts,
        count(*) FILTER (WHERE e.event = 'task') AS tasks,
        count(*) FILTER (WHERE e.status IN ('failed', 'unreachable')) AS failed
    FROM (
        SELECT
            fk_deployment, run, phase, event, host, status, created_at,
            strftime('%s', created_at) + substr(created_at, 20, 7)
                - (strftime('%s', lag(created_at) OVER earlier) + substr(lag(created_at) OVER earlier, 20, 7)) AS seconds
        FROM tb_deployment_event
        WINDOW earlier AS (PARTITION BY fk_deployment, run ORDER BY sequence)
    ) AS e
    JOIN tb_deployment AS d ON d.pk_deployment = e.fk_deployment
    WHERE e.phase <> ''
    GROUP BY e.fk_deployment, d.id, d.fraise, d.environment, d.job, e.run, e.phase
) AS n;
