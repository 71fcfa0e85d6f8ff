-- Every target that was ever asked for: what serves, its health, its newest deployment and how many of its hosts are known to run it.
CREATE VIEW v_fraise_status AS
SELECT
    n.*,
    jsonb_build_object(
        'id', n.id,
        'identifier', n.identifier,
        'fraise', n.fraise,
        'environment', n.environment,
        'job', n.job,
        'status', n.status,
        'current_version', n.current_version,
        'release_id', n.release_id,
        'last_deployed_at', to_char(n.last_deployed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'last_deployed_by', n.last_deployed_by,
        'last_deploy_duration', n.last_deploy_duration,
        'last_deployment_id', n.last_deployment_id,
        'last_deployment_status', n.last_deployment_status,
        'hosts', n.hosts,
        'hosts_active', n.hosts_active
    ) AS data
FROM (
    SELECT
        s.pk_fraise_state,
        s.id,
        s.identifier,
        s.fraise,
        s.environment,
        s.job,
        s.status,
        s.current_version,
        s.release_id,
        s.last_deployed_at,
        s.last_deployed_by,
        good.duration_seconds AS last_deploy_duration,
        newest.id AS last_deployment_id,
        newest.status AS last_deployment_status,
        coalesce(hosts.hosts, 0) AS hosts,
        coalesce(hosts.hosts_active, 0) AS hosts_active
    FROM tb_fraise_state AS s
    LEFT JOIN LATERAL (
        SELECT d.id, d.status
        FROM tb_deployment AS d
        WHERE d.fraise = s.fraise AND d.environment = s.environment AND d.job = s.job
        ORDER BY d.requested_at DESC, d.pk_deployment DESC
        LIMIT 1
    ) AS newest ON true
    LEFT JOIN LATERAL (
        SELECT d.duration_seconds
        FROM tb_deployment AS d
        WHERE d.fraise = s.fraise AND d.environment = s.environment AND d.job = s.job
            AND d.status = 'success' AND d.kind IN ('deploy', 'rollback')
        ORDER BY d.fencing DESC
        LIMIT 1
    ) AS good ON true
    LEFT JOIN (
        SELECT fraise, environment, job, count(*) AS hosts, count(*) FILTER (WHERE state = 'active') AS hosts_active
        FROM tb_host_release
        GROUP BY fraise, environment, job
    ) AS hosts ON hosts.fraise = s.fraise AND hosts.environment = s.environment AND hosts.job = s.job
) AS n;
