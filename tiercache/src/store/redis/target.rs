//! What a URL names: one server, the primary of some sentinels, a cluster.

use std::fmt;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::error::{Error, Result};

/// Where Redis is.
#[derive(Clone)]
pub(super) enum Target {
    Server(ConnectionInfo),
    #[cfg(feature = "sentinel")]
    Sentinel(super::sentinel::Group),
    /// Some of a cluster's nodes; the others are learned from them.
    #[cfg(feature = "cluster")]
    Cluster(Vec<ConnectionInfo>),
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self> {
        match url.split_once("://").and_then(|(scheme, rest)| Some((scheme.split_once('+')?, rest))) {
            Some(((scheme @ ("redis" | "rediss"), "cluster"), rest)) => cluster(scheme, rest),
            Some(((scheme @ ("redis" | "rediss"), "sentinel"), rest)) => sentinel(scheme, rest),
            _ => Ok(Self::Server(server(url)?)),
        }
    }

    /// Changes every address that it will connect to.
    #[cfg(feature = "tls-rustls")]
    pub(super) fn try_map(self, change: impl Fn(ConnectionInfo) -> Result<ConnectionInfo>) -> Result<Self> {
        Ok(match self {
            Self::Server(info) => Self::Server(change(info)?),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(group) => Self::Sentinel(group.try_map(change)?),
            #[cfg(feature = "cluster")]
            Self::Cluster(nodes) => Self::Cluster(nodes.into_iter().map(change).collect::<Result<_>>()?),
        })
    }
}

/// Without user and password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(info) => write!(f, "{}", info.addr()),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(group) => write!(f, "{group}"),
            #[cfg(feature = "cluster")]
            Self::Cluster(nodes) => write!(f, "cluster {}", list(nodes)),
        }
    }
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(super) fn list(servers: &[ConnectionInfo]) -> String {
    servers.iter().map(|info| info.addr().to_string()).collect::<Vec<_>>().join(",")
}

/// One server, from a URL that redis-rs understands.
fn server(url: &str) -> Result<ConnectionInfo> {
    let info = url.into_connection_info().map_err(super::bad_url)?;
    #[cfg(feature = "tls-rustls")]
    super::tls::prepare(info.addr());
    Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

#[cfg(not(feature = "cluster"))]
fn cluster(_: &str, _: &str) -> Result<Target> {
    Err(Error::config("`redis+cluster://` needs the feature `cluster` of tiercache"))
}

#[cfg(not(feature = "sentinel"))]
fn sentinel(_: &str, _: &str) -> Result<Target> {
    Err(Error::config("`redis+sentinel://` needs the feature `sentinel` of tiercache"))
}

#[cfg(feature = "cluster")]
fn cluster(scheme: &str, rest: &str) -> Result<Target> {
    let parts = Parts::of(rest);
    if !matches!(parts.path, "" | "0") {
        return Err(Error::config("a Redis Cluster has only database 0: leave the path of the URL out"));
    }
    let Parts { login, query, .. } = parts;
    let node = |host| server(&format!("{scheme}://{login}{host}{query}"));
    let nodes = parts.hosts().map(node).collect::<Result<Vec<_>>>()?;
    if nodes.is_empty() {
        return Err(Error::config("this URL names no node: write redis+cluster://[user:password@]host:port,host:port"));
    }
    Ok(Target::Cluster(nodes))
}

#[cfg(feature = "sentinel")]
fn sentinel(scheme: &str, rest: &str) -> Result<Target> {
    const FORM: &str = "write redis+sentinel://[user:password@]host:port,host:port/name-of-primary[/database]";
    let parts = Parts::of(rest);
    let (name, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
    if name.is_empty() {
        return Err(Error::config(format!("this URL does not say which primary the sentinels watch: {FORM}")));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
        // It may be the end of a login with a `/` in it, so it is not shown.
        let text = "what this URL says after its first `/` is no name of a primary: a `/` in a user or password is %2F";
        return Err(Error::config(format!("{text}; {FORM}")));
    }
    let sentinel = |host: &str| {
        let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        server(&format!("{scheme}://{host}{}", if has_port { "" } else { ":26379" }))
    };
    let sentinels = parts.hosts().map(sentinel).collect::<Result<Vec<_>>>()?;
    let Some(first) = parts.hosts().next() else {
        return Err(Error::config(format!("this URL names no sentinel: {FORM}")));
    };
    // Its address is a placeholder: the sentinels know the real one.
    let server = server(&format!("{scheme}://{}{first}/{database}{}", parts.login, parts.query))?;
    Ok(Target::Sentinel(super::sentinel::Group { sentinels, name: name.into(), server }))
}

/// `[login@]hosts[/path][?query]`, the login with its `@` and the query with its `?`.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
struct Parts<'a> {
    login: &'a str,
    hosts: &'a str,
    path: &'a str,
    query: &'a str,
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Self {
        let (rest, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        Self { login, hosts, path, query }
    }

    fn hosts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.hosts.split(',').filter(|host| !host.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[cfg(feature = "cluster")]
    #[test]
    fn a_cluster_is_some_of_its_nodes_and_one_login() {
        let Ok(Target::Cluster(nodes)) = Target::parse("redis+cluster://me:s3cret@a:7000,[::1]:7001,c") else {
            panic!("a cluster")
        };
        let addresses: Vec<_> = nodes.iter().map(|node| node.addr().to_string()).collect();
        assert_eq!(addresses, ["a:7000", "::1:7001", "c:6379"]);
        assert!(nodes.iter().all(|node| node.redis_settings().password() == Some("s3cret")));
        assert!(nodes.iter().all(|node| node.tcp_settings().nodelay()));
    }

    #[cfg(feature = "sentinel")]
    #[test]
    fn sentinels_have_a_name_a_database_and_the_login_of_their_primary() {
        let Ok(Target::Sentinel(group)) = Target::parse("redis+sentinel://me:s3cret@a,b:26380/shop/3") else {
            panic!("sentinels")
        };
        let addresses: Vec<_> = group.sentinels.iter().map(|node| node.addr().to_string()).collect();
        assert_eq!((addresses, &*group.name), (vec!["a:26379".to_owned(), "b:26380".to_owned()], "shop"));
        let settings = group.server.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("me"), Some("s3cret"), 3));
        assert!(group.sentinels.iter().all(|sentinel| sentinel.redis_settings().password().is_none()));
    }

    #[cfg(all(feature = "cluster", feature = "sentinel"))]
    #[test]
    fn a_url_that_says_too_little_is_told_the_form_and_never_shown() {
        for (url, says) in [
            ("redis+cluster://me:s3cret@", "names no node"),
            ("redis+cluster://me:s3cret@a:7000/3", "only database 0"),
            ("redis+sentinel://me:s3cret@a:1", "which primary"),
            ("redis+sentinel://me:s3cret@a:1/", "which primary"),
            ("redis+sentinel://me:s3cret@/shop", "names no sentinel"),
            ("redis+sentinel://m/e:s3cret@a:1/shop", "a `/` in a user or password is %2F"),
            ("redis+cluster://me:s3cret@a:port", "cannot be used"),
            ("redis+sentinel://me:s3cret@a:1/shop/s3cret", "cannot be used"),
            ("redis+shards://me:s3cret@a:1", "cannot be used"),
        ] {
            let error = Target::parse(url).map(|target| target.to_string()).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(says) && !shown.contains("s3cret"), "{url}: {shown}");
        }
    }

    #[cfg(not(any(feature = "cluster", feature = "sentinel")))]
    #[test]
    fn a_topology_that_is_not_compiled_in_names_its_feature() {
        for (url, feature) in [("redis+cluster://me:s3cret@a", "cluster"), ("redis+sentinel://a/shop", "sentinel")] {
            let error = Target::parse(url).map(|target| target.to_string()).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(&format!("feature `{feature}`")), "{error}");
        }
    }
}
