-- Received webhooks and the deployment each asked for first; order by received_at.
CREATE VIEW v_recent_webhooks AS
SELECT
    w.pk_webhook_event,
    w.id,
    w.received_at,
    w.hook,
    w.provider,
    w.delivery_id,
    w.event_type,
    w.repository,
    w.branch,
    w.commit_sha,
    w.sender,
    w.processed,
    w.decision,
    w.reason,
    d.id AS deployment_id,
    d.fraise,
    d.environment,
    d.job,
    json_object(
        'id', w.id,
        'received_at', w.received_at,
        'hook', w.hook,
        'provider', w.provider,
        'delivery_id', w.delivery_id,
        'event_type', w.event_type,
        'repository', w.repository,
        'branch', w.branch,
        'commit_sha', w.commit_sha,
        'sender', w.sender,
        'processed', json(CASE WHEN w.processed THEN 'true' ELSE 'false' END),
        'decision', w.decision,
        'reason', w.reason,
        'deployment_id', d.id,
        'fraise', d.fraise,
        'environment', d.environment,
        'job', d.job
    ) AS data
FROM tb_webhook_event AS w
LEFT JOIN tb_deployment AS d ON d.pk_deployment = w.fk_deployment;
