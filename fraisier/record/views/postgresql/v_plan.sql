-- Plans: what a deployment would do, who asked, until when it holds, and the deployment that carried it out.
CREATE VIEW v_plan AS
SELECT
    n.*,
    jsonb_build_object(
        'id', n.id,
        'identifier', n.identifier,
        'fraise', n.fraise,
        'environment', n.environment,
        'job', n.job,
        'actor', n.actor,
        'created_at', to_char(n.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'expires_at', to_char(n.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'git_branch', n.git_branch,
        'git_commit', n.git_commit,
        'pinned', n.pinned,
        'forced', n.forced,
        'host_limit', n.host_limit,
        'old_version', n.old_version,
        'old_release_id', n.old_release_id,
        'release_id', n.release_id,
        'config_hash', n.config_hash,
        'plan_hash', n.plan_hash,
        'hash', n.hash,
        'deployment_id', n.deployment_id,
        'findings', n.findings
    ) AS data
FROM (
    SELECT
        p.pk_plan,
        p.id,
        p.identifier,
        p.fraise,
        p.environment,
        p.job,
        p.actor,
        p.created_at,
        p.expires_at,
        p.git_branch,
        p.git_commit,
        p.pinned,
        p.forced,
        p.host_limit,
        p.old_version,
        p.old_release_id,
        p.release_id,
        p.config_hash,
        p.plan_hash,
        p.hash,
        d.id AS deployment_id,
        p.findings
    FROM tb_plan AS p
    LEFT JOIN tb_deployment AS d ON d.pk_deployment = p.fk_deployment
) AS n;
