-- Mutations for a FraiseQL server (PostgreSQL only). They write the rows that `fraisier.record.write` writes, under the same locks, and
-- tell listeners of `fraisier_deployment` which target has news; a worker's sweep finds the row without it too.
CREATE SCHEMA IF NOT EXISTS app;

-- FraiseQL's own setup may have made these two already.
DO $$
BEGIN
    IF to_regtype('app.mutation_error_class') IS NULL THEN
        CREATE TYPE app.mutation_error_class AS ENUM (
            'validation', 'conflict', 'not_found', 'unauthorized', 'forbidden', 'internal', 'transaction_failed', 'timeout',
            'rate_limited', 'service_unavailable'
        );
    END IF;
    IF to_regtype('app.mutation_response') IS NULL THEN
        CREATE TYPE app.mutation_response AS (
            succeeded boolean,
            state_changed boolean,
            error_class app.mutation_error_class,
            status_detail text,
            http_status smallint,
            message text,
            entity_id uuid,
            entity_type text,
            entity jsonb,
            updated_fields text[],
            cascade jsonb,
            error_detail jsonb,
            metadata jsonb
        );
    END IF;
END $$;

CREATE OR REPLACE FUNCTION fn_deployment_answer(deployment_id text, changed boolean, detail text, status integer, updated text[])
RETURNS app.mutation_response LANGUAGE plpgsql AS $$
DECLARE
    answer app.mutation_response;
BEGIN
    answer.succeeded := true;
    answer.state_changed := changed;
    answer.status_detail := detail;
    answer.http_status := status;
    answer.entity_id := CAST(deployment_id AS uuid);
    answer.entity_type := 'Deployment';
    answer.entity := (SELECT data FROM v_deployment_history WHERE id = deployment_id);
    answer.updated_fields := updated;
    RETURN answer;
END $$;

CREATE OR REPLACE FUNCTION fn_deployment_refusal(class text, detail text, status integer, said text)
RETURNS app.mutation_response LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    answer app.mutation_response;
BEGIN
    answer.succeeded := false;
    answer.state_changed := false;
    answer.error_class := CAST(class AS app.mutation_error_class);
    answer.status_detail := detail;
    answer.http_status := status;
    answer.message := said;
    answer.entity_type := 'Deployment';
    answer.error_detail := jsonb_build_object('errors', jsonb_build_array(jsonb_build_object('identifier', detail, 'message', said)));
    RETURN answer;
END $$;

-- The lock of `ledger.target_lock`; returns the target's name as people write it.
CREATE OR REPLACE FUNCTION fn_deployment_lock(fraise text, environment text, job text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    slug text := concat_ws('/', fraise, environment, nullif(job, ''));
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('fraisier ' || slug));
    RETURN slug;
END $$;

-- Ask for a deployment of a target that the ledger knows; an older pending one is superseded.
CREATE OR REPLACE FUNCTION fn_request_deployment(
    p_fraise text,
    p_environment text,
    p_job text DEFAULT '',
    p_kind text DEFAULT 'deploy',
    p_actor text DEFAULT '',
    p_git_branch text DEFAULT '',
    p_git_commit text DEFAULT NULL,
    p_priority integer DEFAULT 0,
    p_forced boolean DEFAULT false,
    p_retry_of bigint DEFAULT NULL
) RETURNS app.mutation_response LANGUAGE plpgsql AS $$
DECLARE
    slug text;
    new_pk bigint;
    new_id text := CAST(gen_random_uuid() AS text);
    superseded bigint[];
    at timestamptz;
BEGIN
    IF p_kind NOT IN ('deploy', 'rollback', 'job') THEN
        RETURN fn_deployment_refusal('validation', 'unknown_kind', 422, format('%s is not one of deploy, rollback, job', p_kind));
    END IF;
    IF p_git_commit IS NOT NULL AND p_git_commit !~ '^([0-9a-f]{40}|[0-9a-f]{64})$' THEN
        RETURN fn_deployment_refusal('validation', 'not_a_commit', 422, 'git_commit must be a full object name');
    END IF;
    slug := fn_deployment_lock(p_fraise, p_environment, p_job);
    IF NOT EXISTS (SELECT 1 FROM tb_fraise_state WHERE fraise = p_fraise AND environment = p_environment AND job = p_job) THEN
        RETURN fn_deployment_refusal('not_found', 'unknown_target', 404, format('%s is not known to this ledger', slug));
    END IF;
    at := clock_timestamp();
    WITH closed AS (
        UPDATE tb_deployment SET status = 'superseded', completed_at = at
        WHERE fraise = p_fraise AND environment = p_environment AND job = p_job AND status = 'pending'
        RETURNING pk_deployment
    )
    SELECT array_agg(pk_deployment) INTO superseded FROM closed;
    INSERT INTO tb_deployment
        (id, fraise, environment, job, kind, status, trigger, actor, priority, requested_at, requested_on, git_branch, git_commit, forced,
         background, fk_retry_of)
    VALUES
        (new_id, p_fraise, p_environment, p_job, p_kind, 'pending', 'api', p_actor, p_priority, at, CAST(at AT TIME ZONE 'UTC' AS date),
         p_git_branch, p_git_commit, p_forced, true, p_retry_of)
    RETURNING pk_deployment INTO new_pk;
    UPDATE tb_deployment SET fk_superseded_by = new_pk WHERE pk_deployment = ANY (superseded);
    PERFORM pg_notify('fraisier_deployment', slug);
    RETURN fn_deployment_answer(new_id, true, 'requested', 202, ARRAY['status']);
END $$;

-- Cancel: at once while it waits; while it runs, ask its holder to stop.
CREATE OR REPLACE FUNCTION fn_cancel_deployment(p_id text, p_actor text DEFAULT '')
RETURNS app.mutation_response LANGUAGE plpgsql AS $$
DECLARE
    known tb_deployment;
    slug text;
BEGIN
    SELECT * INTO known FROM tb_deployment WHERE id = p_id;
    IF NOT FOUND THEN
        RETURN fn_deployment_refusal('not_found', 'unknown_deployment', 404, format('no deployment %s', p_id));
    END IF;
    slug := fn_deployment_lock(known.fraise, known.environment, known.job);
    UPDATE tb_deployment
    SET status = 'cancelled', completed_at = clock_timestamp(), error_code = 'DeploymentCancelled',
        error_message = concat_ws(' by ', 'cancelled', nullif(p_actor, ''))
    WHERE id = p_id AND status = 'pending';
    IF FOUND THEN
        PERFORM pg_notify('fraisier_deployment', slug);
        RETURN fn_deployment_answer(p_id, true, 'cancelled', 200, ARRAY['status', 'completed_at', 'error_code', 'error_message']);
    END IF;
    UPDATE tb_deployment SET cancel_requested = true WHERE id = p_id AND status = 'in_progress' AND NOT cancel_requested;
    IF FOUND THEN
        PERFORM pg_notify('fraisier_deployment', slug);
        RETURN fn_deployment_answer(p_id, true, 'cancel_requested', 202, ARRAY['cancel_requested']);
    END IF;
    RETURN fn_deployment_answer(p_id, false, 'nothing_to_cancel', 200, ARRAY[]::text[]);
END $$;

-- Ask again for what a finished deployment was asked for.
CREATE OR REPLACE FUNCTION fn_retry_deployment(p_id text, p_actor text DEFAULT '')
RETURNS app.mutation_response LANGUAGE plpgsql AS $$
DECLARE
    known tb_deployment;
BEGIN
    SELECT * INTO known FROM tb_deployment WHERE id = p_id;
    IF NOT FOUND THEN
        RETURN fn_deployment_refusal('not_found', 'unknown_deployment', 404, format('no deployment %s', p_id));
    END IF;
    IF known.status IN ('pending', 'in_progress') THEN
        RETURN fn_deployment_refusal('conflict', 'still_open', 409, format('deployment %s is %s', p_id, known.status));
    END IF;
    RETURN fn_request_deployment(
        known.fraise, known.environment, known.job, known.kind, p_actor, known.git_branch, known.git_commit, known.priority, known.forced,
        known.pk_deployment
    );
END $$;
