-- Deployments of a target per day (UTC) in numbers; add days up for a window. Durations are those of successful ones, in seconds.
-- success_rate: successful of all that ended in success or failure (unchanged, cancelled, superseded and open ones do not count).
CREATE VIEW v_deployment_stats AS
SELECT
    n.*,
    jsonb_build_object(
        'fraise', n.fraise,
        'environment', n.environment,
        'job', n.job,
        'day', to_char(n.day, 'YYYY-MM-DD'),
        'total', n.total,
        'successful', n.successful,
        'unchanged', n.unchanged,
        'failed', n.failed,
        'rolled_back', n.rolled_back,
        'timed', n.timed,
        'duration_total', n.duration_total,
        'avg_duration', n.avg_duration,
        'success_rate', n.success_rate
    ) AS data
FROM (
    SELECT
        d.fraise,
        d.environment,
        d.job,
        d.requested_on AS day,
        count(*) AS total,
        count(*) FILTER (WHERE d.status = 'success') AS successful,
        count(*) FILTER (WHERE d.status = 'unchanged') AS unchanged,
        count(*) FILTER (WHERE d.status IN ('failed', 'rollback_failed', 'interrupted')) AS failed,
        count(*) FILTER (WHERE d.status = 'rolled_back') AS rolled_back,
        count(*) FILTER (WHERE d.status = 'success' AND d.duration_seconds IS NOT NULL) AS timed,
        coalesce(sum(d.duration_seconds) FILTER (WHERE d.status = 'success'), 0) AS duration_total,
        avg(d.duration_seconds) FILTER (WHERE d.status = 'success') AS avg_duration,
        CAST(count(*) FILTER (WHERE d.status = 'success') AS double precision) / nullif(count(*) FILTER (WHERE d.status IN ('success', 'failed', 'rolled_back', 'rollback_failed', 'interrupted')), 0) AS success_rate
    FROM tb_deployment AS d
    GROUP BY d.requested_on, d.fraise, d.environment, d.job
) AS n;
