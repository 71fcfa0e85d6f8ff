-- Every deployment, one row each; filter and order by requested_at (indexed behind fraise, environment and status).
CREATE VIEW v_deployment_history AS
SELECT
    d.pk_deployment,
    d.id,
    d.fraise,
    d.environment,
    d.job,
    d.kind,
    d.status,
    d.trigger,
    d.actor,
    d.priority,
    d.requested_at,
    d.started_at,
    d.completed_at,
    d.duration_seconds,
    d.old_version,
    d.new_version,
    CASE
        WHEN d.new_version = '' THEN ''
        WHEN d.old_version = '' THEN substr(d.new_version, 1, 12)
        ELSE substr(d.old_version, 1, 12) || ' -> ' || substr(d.new_version, 1, 12)
    END AS version_change,
    d.old_release_id,
    d.release_id,
    d.git_repo,
    d.git_branch,
    d.git_commit,
    d.error_code,
    d.error_message,
    d.cancel_requested,
    d.forced,
    json_object(
        'id', d.id,
        'fraise', d.fraise,
        'environment', d.environment,
        'job', d.job,
        'kind', d.kind,
        'status', d.status,
        'trigger', d.trigger,
        'actor', d.actor,
        'priority', d.priority,
        'requested_at', d.requested_at,
        'started_at', d.started_at,
        'completed_at', d.completed_at,
        'duration_seconds', d.duration_seconds,
        'old_version', d.old_version,
        'new_version', d.new_version,
        'version_change', CASE
                WHEN d.new_version = '' THEN ''
                WHEN d.old_version = '' THEN substr(d.new_version, 1, 12)
                ELSE substr(d.old_version, 1, 12) || ' -> ' || substr(d.new_version, 1, 12)
            END,
        'old_release_id', d.old_release_id,
        'release_id', d.release_id,
        'git_repo', d.git_repo,
        'git_branch', d.git_branch,
        'git_commit', d.git_commit,
        'error_code', d.error_code,
        'error_message', d.error_message,
        'cancel_requested', json(CASE WHEN d.cancel_requested THEN 'true' ELSE 'false' END),
        'forced', json(CASE WHEN d.forced THEN 'true' ELSE 'false' END)
    ) AS data
FROM tb_deployment AS d;
