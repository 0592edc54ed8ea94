use tiercache::{cached, entry, invalidates};

#[cached(tags())]
async fn none(id: u64) -> u64 {
    id
}

#[cached(tags = "users")]
async fn spelled(id: u64) -> u64 {
    id
}

#[cached(tags("users"), tags("user:{id}"))]
async fn twice(id: u64) -> u64 {
    id
}

#[cached(tags("", "user:{}", "user:{0:?}"))]
async fn unnamed(id: u64) -> u64 {
    id
}

#[cached(tags("user:{ids}", "{id:>width$}", name))]
async fn unknown(id: u64) -> u64 {
    id
}

#[cached(skip(db, trace), tags("db:{db}", trace.id, format!("{trace:?}")))]
async fn skipped(id: u64, db: u64, trace: Trace) -> u64 {
    drop((db, trace));
    id
}

#[cached(key = (id), tags("{id}", "{tenant}", tenant))]
async fn not_in_key(id: u64, tenant: u64) -> u64 {
    id + tenant
}

#[derive(Debug)]
struct Trace {
    id: u64,
}

impl Trace {
    #[cached(skip(self), tags("trace:{id}", self.id))]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

entry! { fn user_entry(id: u64) -> u64; tags("user:{name}") }

#[cached(at = user_entry(id), tags("user:{id}"))]
async fn at(id: u64) -> u64 {
    id
}

#[invalidates(tags(), tags("user:{}"), tags("user:{ids}"), tags(""))]
async fn writes(id: u64) {
    drop(id);
}

#[rustfmt::skip]
#[cached(tags(
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22",
    "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36", "37", "38", "39", "40", "41", "42", "43",
    "44", "45", "46", "47", "48", "49", "50", "51", "52", "53", "54", "55", "56", "57", "58", "59", "60", "61", "62", "63", "64",
    "65", "66",
))]
async fn many(id: u64) -> u64 {
    id
}

fn main() {}
