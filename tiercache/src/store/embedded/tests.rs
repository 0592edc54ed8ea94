use super::*;
use crate::store::conformance::conformance;

#[tokio::test]
async fn embedded_keeps_the_contract_of_l2() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path().join("cache.redb")).unwrap().into_store().unwrap();
    conformance(&store).await;
}
