pub async fn get_users(
    db: &Db,
    tenant: String,
    ids: &[u64],
) -> Result<HashMap<u64, User>, DbError> {
    use ::tiercache::__private::batch as __tc;
    let __batch = __tc::Batch::<Result<HashMap<u64, User>, DbError>>::of(&ids)
        .at_each(|id| user_entry(&tenant, *id));
    __batch
        .load(move |__ids| {
            let db = __tc::again(&db);
            let mut tenant = __tc::again(&tenant);
            async move {
                if let ::core::option::Option::Some(ret) = __tc::none::<
                    Result<HashMap<u64, User>, DbError>,
                >() {
                    return ret;
                }
                let ids: &[u64] = &__ids;
                tenant.push('/');
                query(db, &tenant, ids).await
            }
        })
        .await
}
