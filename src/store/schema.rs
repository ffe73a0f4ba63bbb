//! The tables as Diesel sees them; `migrations/` makes them.

diesel::table! {
    systems (id) {
        id -> Text,
        sequence -> BigInt,
        folded -> BigInt,
        waiting -> BigInt,
        endpoint -> Nullable<Text>,
        endpoint_since -> Nullable<BigInt>,
        uploaded -> Nullable<BigInt>,
    }
}

diesel::table! {
    uploads (system, sequence) {
        system -> Text,
        sequence -> BigInt,
        body -> Binary,
        bytes -> BigInt,
        operations -> Integer,
        received -> BigInt,
    }
}

diesel::table! {
    workers (system, anchor) {
        system -> Text,
        anchor -> Text,
        record -> Text,
        changed -> BigInt,
        person -> Nullable<Text>,
        seen -> BigInt,
        starts -> Nullable<BigInt>,
        leaves -> Nullable<BigInt>,
        shrunk -> Nullable<BigInt>,
    }
}

diesel::table! {
    forgotten (id) {
        id -> Text,
        system -> Text,
        at -> BigInt,
        author -> Text,
        entries -> BigInt,
    }
}

diesel::table! {
    pulls (system) {
        system -> Text,
        watermark -> Nullable<BigInt>,
        place -> Nullable<Text>,
        fingerprint -> Nullable<Text>,
        generation -> BigInt,
        began -> BigInt,
        not_before -> BigInt,
        failures -> Integer,
        failure -> Nullable<Text>,
        job -> Nullable<Text>,
        token -> Nullable<BigInt>,
        completed -> Nullable<BigInt>,
    }
}

diesel::table! {
    given (system, anchor, attribute) {
        system -> Text,
        anchor -> Text,
        attribute -> Text,
        source -> Text,
        value -> Text,
    }
}

diesel::table! {
    asked (system, anchor) {
        system -> Text,
        anchor -> Text,
        since -> BigInt,
        due -> BigInt,
    }
}

diesel::table! {
    names (namespace, folded) {
        namespace -> Text,
        folded -> Text,
        owner -> Text,
        attribute -> Text,
        value -> Text,
        reserved -> BigInt,
    }
}

diesel::table! {
    schemas (app, version) {
        app -> Text,
        version -> BigInt,
        body -> Text,
        hash -> Text,
        origin -> Text,
        taken -> BigInt,
    }
}

diesel::table! {
    jobs (id) {
        id -> Text,
        app -> Text,
        template -> Text,
        source -> Text,
        target -> Text,
        state -> Text,
        created -> BigInt,
        schema_version -> BigInt,
        status -> Text,
        holder -> Nullable<Text>,
        token -> BigInt,
        until -> BigInt,
    }
}

diesel::table! {
    operations (job, sequence, position) {
        job -> Text,
        sequence -> BigInt,
        position -> Integer,
        anchor -> Text,
        received -> BigInt,
    }
}

diesel::table! {
    wakes (job, anchor) {
        job -> Text,
        anchor -> Text,
        rank -> Integer,
        due -> BigInt,
        cause -> Text,
        attempts -> Integer,
        stamp -> BigInt,
    }
}

diesel::table! {
    links (job, worker) {
        job -> Text,
        worker -> Text,
        account -> Text,
        generation -> BigInt,
        made -> Bool,
        wanted -> Nullable<Bool>,
        disabled_by_us -> Bool,
        disabled_at -> Nullable<BigInt>,
        enabled -> Nullable<Bool>,
        waiting -> Nullable<Text>,
    }
}

diesel::table! {
    changes (id) {
        id -> Text,
        job -> Text,
        worker -> Text,
        cycle -> Text,
        plan -> Text,
        policy -> BigInt,
        body -> Text,
        endpoint -> Text,
        token -> BigInt,
        sent -> BigInt,
        allowed -> Nullable<Text>,
    }
}

diesel::table! {
    receipts (id) {
        id -> Text,
        job -> Text,
        worker -> Text,
        cycle -> Text,
        body -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    pending_references (job, worker, attribute) {
        job -> Text,
        worker -> Text,
        attribute -> Text,
        refers_to -> Text,
        since -> BigInt,
        told -> BigInt,
    }
}

diesel::table! {
    owners (target, attribute, value) {
        target -> Text,
        attribute -> Text,
        value -> Text,
        job -> Text,
        worker -> Text,
        since -> BigInt,
    }
}

diesel::table! {
    escrows (job, worker) {
        job -> Text,
        worker -> Text,
        code -> Text,
        since -> BigInt,
        attempts -> Integer,
        next -> BigInt,
        reason -> Text,
    }
}

diesel::table! {
    held (job, worker, action) {
        job -> Text,
        worker -> Text,
        action -> Text,
        since -> BigInt,
        released -> Bool,
    }
}

diesel::table! {
    tallies (job, action, hour) {
        job -> Text,
        action -> Text,
        hour -> BigInt,
        count -> BigInt,
    }
}

diesel::table! {
    logs (id) {
        id -> Text,
        at -> BigInt,
        app -> Text,
        job -> Text,
        cycle -> Text,
        change -> Text,
        source -> Text,
        action -> Text,
        status -> Text,
        body -> Text,
    }
}

diesel::table! {
    listed (job, anchor) {
        job -> Text,
        anchor -> Text,
        body -> Text,
    }
}

diesel::table! {
    listed_keys (job, attribute, value, anchor) {
        job -> Text,
        attribute -> Text,
        value -> Text,
        anchor -> Text,
    }
}

diesel::table! {
    callbacks (job, sequence) {
        job -> Text,
        sequence -> BigInt,
        id -> Text,
        client -> Text,
        idempotency_key -> Nullable<Text>,
        digest -> Text,
        notify -> Bool,
        received -> BigInt,
        completed -> Nullable<BigInt>,
    }
}

diesel::table! {
    callback_items (job, sequence, position) {
        job -> Text,
        sequence -> BigInt,
        position -> Integer,
        who -> Text,
        members -> Text,
        said -> Nullable<Text>,
        anchor -> Nullable<Text>,
        status -> Text,
        code -> Nullable<Text>,
        message -> Nullable<Text>,
        event -> Nullable<Text>,
        changed -> BigInt,
        due -> BigInt,
        attempts -> Integer,
    }
}

diesel::table! {
    callback_queues (job) {
        job -> Text,
        waiting -> BigInt,
        due -> BigInt,
        attempts -> Integer,
    }
}

diesel::table! {
    notices (id) {
        id -> Text,
        kind -> Text,
        body -> Text,
        attempts -> Integer,
        due -> BigInt,
    }
}

diesel::table! {
    findings (job, worker, code, cause) {
        job -> Text,
        worker -> Text,
        code -> Text,
        cause -> Text,
        weight -> Text,
        reason -> Text,
        since -> BigInt,
    }
}

diesel::table! {
    departures (job, done, worker) {
        job -> Text,
        done -> BigInt,
        worker -> Text,
        said -> BigInt,
    }
}

diesel::table! {
    alarms (job, kind, subject) {
        job -> Text,
        kind -> Text,
        subject -> Text,
        message -> Text,
        details -> Text,
        since -> BigInt,
    }
}

diesel::table! {
    streams (name) {
        name -> Text,
        sent -> Text,
        holder -> Nullable<Text>,
        until -> BigInt,
    }
}

diesel::table! {
    settings (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    plans (id) {
        id -> Text,
        job -> Text,
        made -> BigInt,
        head -> Text,
    }
}

diesel::table! {
    plan_pages (plan, position) {
        plan -> Text,
        position -> Integer,
        last -> Text,
        body -> Binary,
    }
}

diesel::table! {
    plan_done (plan, worker) {
        plan -> Text,
        worker -> Text,
    }
}

diesel::table! {
    holds (id) {
        id -> Text,
        job -> Text,
        worker -> Text,
        body -> Text,
        account -> Nullable<Text>,
    }
}

diesel::table! {
    allowances (id) {
        id -> Text,
        job -> Text,
        action -> Text,
        most -> BigInt,
        used -> BigInt,
        given -> BigInt,
        until -> BigInt,
        ended -> Nullable<BigInt>,
        decider -> Text,
        reason -> Text,
    }
}

diesel::table! {
    decisions (id) {
        id -> Text,
        job -> Text,
        made -> BigInt,
        body -> Text,
    }
}

diesel::table! {
    state_inputs (job, worker) {
        job -> Text,
        worker -> Text,
        active -> Nullable<Text>,
        held -> Nullable<Text>,
    }
}

diesel::table! {
    reviews (job, worker) {
        job -> Text,
        worker -> Text,
        standing -> Text,
        apart -> Bool,
        account -> Nullable<Text>,
        body -> Binary,
    }
}

diesel::table! {
    handovers (job, worker) {
        job -> Text,
        worker -> Text,
        state -> Text,
        since -> BigInt,
        notice -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    reviews,
    allowances,
    decisions,
    state_inputs,
    holds,
    plans,
    plan_pages,
    plan_done,
    systems,
    uploads,
    workers,
    schemas,
    jobs,
    operations,
    wakes,
    links,
    changes,
    receipts,
    pending_references,
    owners,
    escrows,
    held,
    tallies,
    logs,
    listed,
    listed_keys,
    names,
    pulls,
    callbacks,
    callback_items,
    callback_queues,
    notices,
    findings,
    departures,
    alarms,
    forgotten,
    handovers,
    streams,
    settings
);
