//! Settings from the environment and from a file.

use std::process::Command;
use std::time::Duration;

use tiercache::{Cache, ErrorKind, L1};

#[tokio::test]
async fn a_file_configures_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tiercache.toml");
    let l2 = directory.path().join("l2.redb");
    let text = format!(
        "namespace = 'shop'\nl1_engine = 'quick-cache'\nl1_max_entries = 50\nl2_url = 'embedded://{}'\n\
         default_ttl = '5m'\n[caches.prompt]\nmax_entries = 10\nttl = '1h'\n",
        l2.display()
    );
    std::fs::write(&path, text).unwrap();
    let cache = Cache::from_file(&path).await.unwrap();
    assert_eq!(cache.namespace(), "shop");
    assert!(format!("{:?}", cache.health().await.l2).contains("embedded"));
    cache.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let error = Cache::from_file("/nowhere/tiercache.toml").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("/nowhere/tiercache.toml"));
}

/// The environment is the process's: the checks run in a child of their own.
#[tokio::test]
async fn the_environment_configures_everything() {
    if std::env::var_os("CONFIGURATION_CHILD").is_some() {
        let cache = Cache::from_env().await.unwrap();
        assert_eq!(cache.namespace(), "from-env");
        return;
    }
    let run = |name: &str, value: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "configuration::the_environment_configures_everything", "--nocapture"])
            .env("CONFIGURATION_CHILD", "1")
            .env("TIERCACHE_NAMESPACE", "from-env")
            .env(name, value)
            .output()
            .unwrap()
    };
    let fine = run("TIERCACHE_L2_URL", "redis://127.0.0.1:1");
    assert!(fine.status.success(), "{fine:?}");
    for (name, value, says) in [
        ("TIERCACHE_L1_SIZE", "5", "unknown setting `l1_size`"),
        ("TIERCACHE_L2_URL", "memcached://127.0.0.1", "scheme `memcached`"),
        ("TIERCACHE_DEFAULT_TTL", "soon", "takes a time"),
    ] {
        let refused = run(name, value);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
        assert!(!refused.status.success() && text.contains(says), "{name}: {text}");
    }
}

#[tokio::test]
async fn mistakes_of_a_builder_name_the_setting_and_the_cure() {
    for (builder, says) in [
        (Cache::builder().namespace("a:b"), "namespace"),
        (Cache::builder().namespace(""), "namespace"),
        (Cache::builder().l1(L1::mini_moka().max_entries(0)), "L1::disabled"),
        (Cache::builder().l1(L1::mini_moka().max_entries(1).max_bytes(1)), "choose one"),
        (Cache::builder().default_ttl(Duration::ZERO), "ttl of 0"),
        (Cache::builder().l2_deadline(Duration::ZERO), "l2_deadline"),
        (Cache::builder().wait_limit(Duration::ZERO), "wait_limit"),
        (Cache::builder().l2_breaker_failures(0), "l2_breaker_failures"),
        (Cache::builder().l2_breaker_max(Duration::ZERO), "l2_breaker_max"),
        (Cache::builder().max_loads(0), "max_loads"),
        (Cache::builder().keep_hot_keys(0), "keep_hot_keys"),
        (Cache::builder().reclaim(0), "reclaim"),
        (Cache::builder().keep_hot_keys(10_001), "keep_hot_keys"),
    ] {
        let error = builder.build().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_bad_url_is_refused_without_showing_the_password() {
    for url in ["redis:/127.0.0.1", "http://127.0.0.1", "redis://user:hunter2@127.0.0.1:notaport"] {
        let error = tiercache::Redis::new(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let redis = tiercache::Redis::new("redis://user:hunter2@127.0.0.1:6379").unwrap();
    assert!(!format!("{redis:?}").contains("hunter2"));
}

#[tokio::test]
async fn settings_that_leave_no_room_or_time_are_refused() {
    use tiercache::Redis;
    let error = Cache::builder().max_value_bytes(0).build().await.unwrap_err();
    assert!(error.to_string().contains("max_value_bytes"), "{error}");
    let redis = Redis::new("redis://127.0.0.1").unwrap().connect_timeout(Duration::ZERO);
    let error = Cache::builder().l2(redis).build().await.unwrap_err();
    assert!(error.to_string().contains("connect_timeout"), "{error}");
}
