use tiercache::{cached, invalidates};

#[derive(serde::Serialize)]
struct Team;

#[cached(tags("{team}"))]
async fn in_text(team: Team) -> u64 {
    drop(team);
    1
}

#[cached(tags(team))]
async fn as_value(team: Team) -> u64 {
    drop(team);
    1
}

#[invalidates(tags(team))]
async fn writes(team: Team) {
    drop(team);
}

fn main() {}
