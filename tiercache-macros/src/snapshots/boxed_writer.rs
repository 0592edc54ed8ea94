fn reset<'life0, 'async_trait>(
    &'life0 mut self,
) -> ::core::pin::Pin<
    Box<dyn ::core::future::Future<Output = ()> + ::core::marker::Send + 'async_trait>,
>
where
    'life0: 'async_trait,
    Self: 'async_trait,
{
    Box::pin(async move {
        use shop::tiercache::__private::writes as __tc;
        let __shape = __tc::Returns::<()>::NEW.outcome();
        let mut __writes = __tc::Invalidation::new(__shape)
            .everything()
            .entry(&self.address)
            .always();
        let __body = async move {
            if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
                return ret;
            }
            let mut __self = self;
            let () = { __self.truncate().await };
        };
        __writes.guard(::core::pin::pin!(__body)).await
    })
}
