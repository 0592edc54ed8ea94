async fn save(user: User) -> Result<User, DbError> {
    use ::tiercache::__private::writes as __tc;
    let __shape = __tc::Returns::<Result<User, DbError>>::NEW.outcome();
    let mut __writes = __tc::Invalidation::new(__shape)
        .then(|renamed| get_name_entry(&renamed.name))
        .prefix("search")
        .always()
        .update(&get_user_entry(user.id));
    let __body = async move {
        if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
            return ret;
        }
        query(user).await
    };
    __writes.guard(::core::pin::pin!(__body)).await
}
