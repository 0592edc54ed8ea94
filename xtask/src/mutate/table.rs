//! The rules of coherence, each with a way to break it and the check that must notice.

/// A rule, and the change of one file that breaks it.
pub(crate) struct Mutation {
    pub(crate) rule: &'static str,
    pub(crate) file: &'static str,
    /// Occurs once in the file.
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
    pub(crate) caught_by: Check,
}

#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// A run of the simulation breaks a promise.
    Simulation,
    /// This test of `tests/redis` fails.
    Redis(&'static str),
    /// This test of `tests/cluster` fails.
    Cluster(&'static str),
}

const fn simulated(rule: &'static str, file: &'static str, find: &'static str, replace: &'static str) -> Mutation {
    Mutation { rule, file, find, replace, caught_by: Check::Simulation }
}

const COMMIT: &str = "tiercache/src/cache/commit.rs";
const FENCE: &str = "tiercache/src/coherence/fence.rs";
const FRESHNESS: &str = "tiercache/src/cache/freshness.rs";
const INVALIDATE: &str = "tiercache/src/cache/invalidate.rs";
const LEASE: &str = "tiercache/src/coherence/lease.rs";
const READ: &str = "tiercache/src/cache/read.rs";
const RESTARTS: &str = "tiercache/src/store/redis/cluster/restarts.rs";
const UPDATE: &str = "tiercache/src/private/writes/update.rs";
const WATCH: &str = "tiercache/src/coherence/watch.rs";
const WRITE: &str = "tiercache/src/cache/write.rs";

pub(crate) const MUTATIONS: &[Mutation] = &[
    simulated(
        "L2 is told before memory forgets",
        INVALIDATE,
        "let told = cache.inner.remove(&guard, &removal).await;
            // Owed before it is forgotten: who comes after that is not to believe L2.
            let told = told.map_err(|error| cache.inner.owe(&guard, &removal, error));
            cache.inner.forget_removed(&removal);",
        "cache.inner.forget_removed(&removal);
            let told = cache.inner.remove(&guard, &removal).await;
            let told = told.map_err(|error| cache.inner.owe(&guard, &removal, error));",
    ),
    simulated(
        "L1 is filled only if the fence holds",
        FENCE,
        "let holds = *stripe == place.stripe && self.epoch() == place.epoch;\n            if holds {",
        "let holds = *stripe == place.stripe || self.epoch() == place.epoch || true;\n            if holds {",
    ),
    simulated(
        "A read of L2 takes its place at the fence before it is sent",
        "tiercache/src/cache/stale.rs",
        "let entry = promote(request, begun, stored, life);",
        "let _ = begun;\n            let entry = promote(request, request.begin(), stored, life);",
    ),
    simulated(
        "L2 is filled over one's own lease only",
        LEASE,
        "self.guard.swap(Arc::clone(&self.key), Arc::clone(&self.expected), bytes, life, tags).await",
        "self.guard.swap(Arc::clone(&self.key), Arc::from(&self.expected[..2]), bytes, life, tags).await",
    ),
    simulated("Every claim has a fresh nonce", LEASE, "envelope::lease(fastrand::u64(..))", "envelope::lease(7)"),
    simulated(
        "A lease is ours once it is acknowledged",
        LEASE,
        "give_back(guard, Arc::clone(key), marker);\n        }\n        claimed",
        "return Ok(Claim::Ours(Self::held(guard.clone(), Arc::clone(key), marker)));\n        }\n        claimed",
    ),
    simulated(
        "The others are told after the removal",
        "tiercache/src/simulation/network.rs",
        "server.remove(&keys).await?;
            server.unstamp(&stamps).await?;
            world.note(process, \"has removed\", number);
            world.gap().await;
            world.tell(&server, &tell).await",
        "let place = world.tell(&server, &tell).await?;
            world.gap().await;
            world.note(process, \"has removed\", number);
            server.remove(&keys).await?;
            server.unstamp(&stamps).await?;
            Ok(place)",
    ),
    simulated(
        "Stamps are random, not counted",
        "tiercache/src/guard/mod.rs",
        "(0..stamps.len()).map(|_| fastrand::u64(..)).collect()",
        "(0..stamps.len()).map(|_| 1).collect()",
    ),
    simulated(
        "An absent stamp holds for nothing",
        "tiercache/src/coherence/groups.rs",
        "Some(pair.1) == *now",
        "now.is_none_or(|now| now == pair.1)",
    ),
    simulated(
        "An entry carries the stamps from before its load",
        WRITE,
        "let Fill { lease, stamps } = fill;",
        "let Fill { lease, stamps } = fill;
    let groups = &request.region.groups;
    let Some(l2) = request.l2() else { return (None, Filled::OrNot) };
    let made = l2.stamp(request.stamps(), request.terms.longest()).await;
    let stamps = made.map_or(stamps, |made| groups.stamped(request.tags.hashes(), &made));",
    ),
    simulated(
        "An invalidation makes this process forget the load under way",
        INVALIDATE,
        "named.l1.remove(digest)));\n        self.flights.forget(digest);",
        "named.l1.remove(digest)));",
    ),
    simulated(
        "Who joins a load judges its result by its proof",
        READ,
        "self.judge().vouches(entry.proved(), came.latest, came.at)",
        "(came.latest <= came.at || came.at <= came.latest)",
    ),
    simulated(
        "Inside a load only what is proved later than its begin is used",
        FRESHNESS,
        "FLOOR.get().is_none_or(|floor| own > floor)",
        "FLOOR.get().is_none_or(|floor| own > floor || own <= floor)",
    ),
    simulated(
        "Inside a load nothing from before its lease is used",
        READ,
        "inside(Proof::now(), body)",
        "inside(begun.proved, body)",
    ),
    Mutation {
        rule: "Inside a load heartbeats prove nothing",
        file: FRESHNESS,
        find: "is_above_floor(own) && (pulse.vouches(latest, now)",
        replace: "is_above_floor(own.max(latest)) && (pulse.vouches(latest, now)",
        caught_by: Check::Redis("coherence::inside_a_load_heartbeats_prove_nothing"),
    },
    simulated(
        "Inside a load nothing older is used, even without L2",
        FRESHNESS,
        "(is_above_floor(own) && self.tolerates_stale(own, latest, now))",
        "(own <= now && self.tolerates_stale(own, latest, now))",
    ),
    simulated(
        "Memory is served while it is proved to be fresh",
        FRESHNESS,
        "is_above_floor(own) && (pulse.vouches(latest, now) || pulse.vouches(own, now))",
        "is_above_floor(own) && (latest <= now || pulse.vouches(own, now))",
    ),
    simulated(
        "Without L2 memory is served within degraded_l1_ttl",
        FRESHNESS,
        "Freshness::Bounded => proof.is_within(self.degraded_l1_ttl, now),",
        "Freshness::Bounded => proof <= now,",
    ),
    simulated(
        "An entry is as fresh as the begin of its load",
        "tiercache/src/cache/request.rs",
        "proved: self.proved, tags",
        "proved: Proof::now(), tags",
    ),
    simulated(
        "A heartbeat proves what was so when it was sent",
        WATCH,
        "self.last = Some(last);\n            self.pulse.beat(sent);",
        "self.last = Some(last);\n            self.pulse.beat(sent.max(Proof::now()));",
    ),
    simulated("A heartbeat applies what is new in the log", WATCH, "heed.heed(&entry.1);", "let _ = &heed;"),
    simulated(
        "A gap of the log makes the reader begin anew",
        WATCH,
        "if entries.next().is_none_or(|first| first != last) {",
        "if entries.next().is_some_and(|first| first.0.is_empty()) {",
    ),
    simulated("Who begins anew forgets everything", WATCH, "heed.heed_everything();", "let _ = heed;"),
    simulated(
        "A message of the bus is heeded at once",
        "tiercache/src/coherence/bus.rs",
        "heed.heed(message);",
        "let _ = (&heed, message);",
    ),
    simulated(
        "Invalidating everything makes all of memory stale",
        INVALIDATE,
        "Removal::Everything => self.drop_everything(),",
        "Removal::Everything => {}",
    ),
    simulated(
        "Invalidating a prefix makes its entries in memory stale",
        INVALIDATE,
        "self.regions.move_generations(covered);",
        "let _ = covered;",
    ),
    simulated(
        "A value is committed over its token only",
        LEASE,
        "let (key, expected) = (Arc::clone(&self.key), Some(Arc::clone(&self.expected)));",
        "let (key, expected) = (Arc::clone(&self.key), Option::<Arc<[u8]>>::None);",
    ),
    simulated(
        "The lease of a value that is committed behind is put over its token only",
        LEASE,
        "Self::put(&self.guard, &self.key, Some(Arc::clone(&self.expected)), tell).await",
        "Self::put(&self.guard, &self.key, None, tell).await",
    ),
    simulated(
        "What is queued is stored over its lease only",
        LEASE,
        "let (key, expected) = (Arc::clone(&lease.key), Arc::clone(&lease.expected));",
        "let (key, expected) = (Arc::clone(&lease.key), Arc::from(&lease.expected[..2]));",
    ),
    simulated(
        "A token is taken before the write",
        UPDATE,
        "self.write = Box::pin(self.entry.begin_write()).await.ok();
        self.others.known.arm();
        let output = body.await;",
        "self.others.known.arm();
        let output = body.await;
        self.write = Box::pin(self.entry.begin_write()).await.ok();",
    ),
    simulated(
        "A commit that finds its token lost makes this process forget",
        COMMIT,
        "if !stored {
            self.forget();",
        "if !stored {
            self.is_open = false;",
    ),
    simulated(
        "A commit that fails invalidates",
        COMMIT,
        "timed(&self.request, write).await else {
            return self.invalidate().await;",
        "timed(&self.request, write).await else {
            self.forget();
            return Ok(());",
    ),
    simulated(
        "A committed value is kept in memory only if nothing newer came",
        COMMIT,
        "if holds { l1.insert(*digest, Arc::clone(&entry)) }",
        "if holds || true { l1.insert(*digest, Arc::clone(&entry)) }",
    ),
    simulated(
        "What may be computed from an updated value is invalidated after it",
        UPDATE,
        "Some(committing) => Either::Left(committing.then(begin)),",
        "Some(committing) => {
                let begun = begin(true);
                Either::Left(committing.then(|_| begun))
            }",
    ),
    simulated(
        "A batch takes its places at the fence before it reads L2",
        "tiercache/src/cache/many/parts.rs",
        "let fetched = fetch_many(&asked).await.into_iter().zip(begun);",
        "let (_, fetched) = (begun, fetch_many(&asked).await);
        let fetched = fetched.into_iter().zip(asked.iter().map(|request| request.begin()));",
    ),
    simulated(
        "A read of many takes its places at the fence before it reads L2",
        "tiercache/src/cache/many.rs",
        "promote(request, begun, stored, life);",
        "let _ = begun;\n                promote(request, request.begin(), stored, life);",
    ),
    simulated(
        "Inside a batch's load only what is proved later than its begin is used",
        "tiercache/src/cache/many/load.rs",
        "inside(Proof::now(), pin!(body))",
        "inside(Proof::from_nanos(0), pin!(body))",
    ),
    simulated(
        "What a server that goes on from an older state has lost is made anew",
        WATCH,
        "heed.redo(news).await?;",
        "let _ = (&heed, news);",
    ),
    simulated(
        "What was acknowledged and is not in the log is found lost",
        WATCH,
        "if self.journal.misses(sent) {",
        "if self.journal.misses(sent) && self.last.is_none() {",
    ),
    Mutation {
        rule: "Redis removes first: that passes when it is out of memory",
        file: "tiercache/src/store/redis/invalidate.lua",
        find: "redis.call('UNLINK', KEYS[3] or KEYS[1] .. ':none')",
        replace: "redis.call('XADD', KEYS[1], '*', 'm', ARGV[2])\nredis.call('UNLINK', KEYS[3] or KEYS[1] .. ':none')",
        caught_by: Check::Redis("coherence::an_invalidation_works_out_of_memory_and_is_heard"),
    },
    Mutation {
        rule: "Redis fills over the lease only",
        file: "tiercache/src/store/redis/swap.lua",
        find: "~= ARGV[1] then\n  return 0",
        replace: "~= ARGV[1] then\n  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n  return 1",
        caught_by: Check::Redis("lease::slow_fills_raced_by_deletions_of_any_program_stay_out"),
    },
    Mutation {
        rule: "A commit stores over its token only",
        file: "tiercache/src/store/redis/commit.lua",
        find: "redis.pcall('GETRANGE', KEYS[1], 0, #expected - 1) == expected",
        replace: "expected ~= ''",
        caught_by: Check::Redis("updates::of_two_instances_that_write_the_slower_one_leaves_nothing_older"),
    },
    Mutation {
        rule: "A fill extends the stamps of the tags it carries",
        file: "tiercache/src/store/redis/swap.lua",
        find: "redis.call('PEXPIRE', KEYS[i], ARGV[4])",
        replace: "redis.call('TOUCH', KEYS[i])",
        caught_by: Check::Redis(
            "tags::the_stamps_of_tags_live_twice_as_long_as_the_longest_entry_and_fills_extend_them",
        ),
    },
    Mutation {
        rule: "What Redis has lost is invalidated anew",
        file: WATCH,
        find: "heed.redo(news).await?;",
        replace: "let _ = (&heed, news);",
        caught_by: Check::Redis("rollback::keys_that_come_back_with_an_old_dump_are_removed_again"),
    },
    Mutation {
        rule: "What a replaced primary may have lost beside the log is invalidated anew",
        file: WATCH,
        find: "if successions != self.successions {",
        replace: "if successions < self.successions {",
        caught_by: Check::Cluster("lost::removals_that_a_dead_primary_has_not_passed_on_are_redone"),
    },
    Mutation {
        rule: "A primary that was started again in its place counts as replaced",
        file: RESTARTS,
        find: "Ok(restarted) => {",
        replace: "Ok(mut restarted) => {\n            restarted = false;",
        caught_by: Check::Cluster("restarts::removals_that_a_restarted_primary_has_forgotten_are_redone"),
    },
];
