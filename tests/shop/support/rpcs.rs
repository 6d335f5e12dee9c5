//! Every RPC that can be called from outside, with the REST path that the contract page gives it, as a
//! method of [`Client`].

use contracts::{
    article::{self, article_service_client::ArticleServiceClient, stock_service_client::StockServiceClient},
    mesh::{self, mesh_service_client::MeshServiceClient},
    order::{self, order_service_client::OrderServiceClient},
    payment::{self, payment_service_client::PaymentServiceClient},
    user::{self, auth_service_client::AuthServiceClient, user_service_client::UserServiceClient},
};
use http::Method;
use prost::Name;

use super::{
    client::{Client, Edge},
    outcome::Outcome,
    transcode,
};

/// One row of the table.
#[derive(Debug)]
pub struct Rpc {
    pub service: &'static str,
    pub name: &'static str,
    pub method: Method,
    pub paths: &'static [&'static str],
    pub body: &'static str,
}

macro_rules! rpcs {
    ($($service:literal $client:ident {
        $($name:ident($request:ty) -> $answer:ty: $rpc:ident $method:ident $body:literal [$($path:literal),+];)+
    })+) => {
        impl Client {
            $($(pub async fn $name(&self, request: $request) -> Outcome<$answer> {
                let call = || async {
                    match self.edge {
                        Edge::Rest => self.rest(Method::$method, transcode::request(&request, &[$($path),+], $body)).await,
                        Edge::Grpc => {
                            let mut client = $client::new(self.channel(<$request as Name>::PACKAGE));
                            Self::answered(client.$name(self.sign(request.clone())).await)
                        }
                    }
                };
                self.until_answered(call).await
            })+)+
        }

        pub const RPCS: &[Rpc] = &[
            $($(Rpc {
                service: $service,
                name: stringify!($rpc),
                method: Method::$method,
                paths: &[$($path),+],
                body: $body,
            },)+)+
        ];
    };
}

rpcs! {
    "feira.user.v1.UserService" UserServiceClient {
        create_user(user::CreateUserRequest) -> user::User: CreateUser POST "*" ["/v1/users"];
        get_user(user::GetUserRequest) -> user::User: GetUser GET "" ["/v1/users/{id}"];
        list_users(user::ListUsersRequest) -> user::ListUsersResponse: ListUsers GET "" ["/v1/users"];
        update_user(user::UpdateUserRequest) -> user::User: UpdateUser PATCH "user" ["/v1/users/{user.id}"];
        delete_user(user::DeleteUserRequest) -> (): DeleteUser DELETE "" ["/v1/users/{id}"];
        check_username(user::CheckUsernameRequest) -> user::CheckUsernameResponse:
            CheckUsername GET "" ["/v1/usernames/{username}"];
        change_password(user::ChangePasswordRequest) -> ():
            ChangePassword POST "*" ["/v1/users/{id}:changePassword"];
        set_roles(user::SetRolesRequest) -> user::User: SetRoles POST "*" ["/v1/users/{id}:setRoles"];
        disable_user(user::DisableUserRequest) -> user::User: DisableUser POST "*" ["/v1/users/{id}:disable"];
        enable_user(user::EnableUserRequest) -> user::User: EnableUser POST "*" ["/v1/users/{id}:enable"];
        create_address(user::CreateAddressRequest) -> user::Address:
            CreateAddress POST "address" ["/v1/users/{user_id}/addresses"];
        get_address(user::GetAddressRequest) -> user::Address:
            GetAddress GET "" ["/v1/users/{user_id}/addresses/{id}"];
        list_addresses(user::ListAddressesRequest) -> user::ListAddressesResponse:
            ListAddresses GET "" ["/v1/users/{user_id}/addresses"];
        update_address(user::UpdateAddressRequest) -> user::Address:
            UpdateAddress PATCH "address" ["/v1/users/{address.user_id}/addresses/{address.id}"];
        delete_address(user::DeleteAddressRequest) -> ():
            DeleteAddress DELETE "" ["/v1/users/{user_id}/addresses/{id}"];
    }
    "feira.user.v1.AuthService" AuthServiceClient {
        sign_in(user::SignInRequest) -> user::Tokens: SignIn POST "*" ["/v1/auth:signIn"];
        refresh(user::RefreshRequest) -> user::Tokens: Refresh POST "*" ["/v1/auth:refresh"];
        sign_out(user::SignOutRequest) -> (): SignOut POST "*" ["/v1/auth:signOut"];
        get_jwks(user::GetJwksRequest) -> user::Jwks: GetJwks GET "" ["/.well-known/jwks.json"];
    }
    "feira.article.v1.ArticleService" ArticleServiceClient {
        create_article(article::CreateArticleRequest) -> article::Article:
            CreateArticle POST "article" ["/v1/articles"];
        get_article(article::GetArticleRequest) -> article::Article:
            GetArticle GET "" ["/v1/articles/{id}", "/v1/articles/by-code/{code}"];
        batch_get_articles(article::BatchGetArticlesRequest) -> article::BatchGetArticlesResponse:
            BatchGetArticles GET "" ["/v1/articles:batchGet"];
        list_articles(article::ListArticlesRequest) -> article::ListArticlesResponse:
            ListArticles GET "" ["/v1/articles"];
        update_article(article::UpdateArticleRequest) -> article::Article:
            UpdateArticle PATCH "article" ["/v1/articles/{article.id}"];
        delete_article(article::DeleteArticleRequest) -> (): DeleteArticle DELETE "" ["/v1/articles/{id}"];
    }
    "feira.article.v1.StockService" StockServiceClient {
        get_stock(article::GetStockRequest) -> article::Stock: GetStock GET "" ["/v1/articles/{article_id}/stock"];
        adjust_stock(article::AdjustStockRequest) -> article::Stock:
            AdjustStock POST "*" ["/v1/articles/{article_id}/stock:adjust"];
        list_stock_movements(article::ListStockMovementsRequest) -> article::ListStockMovementsResponse:
            ListStockMovements GET "" ["/v1/articles/{article_id}/stock/movements"];
    }
    "feira.order.v1.OrderService" OrderServiceClient {
        get_open_order(order::GetOpenOrderRequest) -> order::Order: GetOpenOrder GET "" ["/v1/orders/open"];
        add_line(order::AddLineRequest) -> order::Order: AddLine POST "*" ["/v1/orders/{order_id}/lines"];
        update_line(order::UpdateLineRequest) -> order::Order:
            UpdateLine PATCH "*" ["/v1/orders/{order_id}/lines/{line_id}"];
        remove_line(order::RemoveLineRequest) -> order::Order:
            RemoveLine DELETE "" ["/v1/orders/{order_id}/lines/{line_id}"];
        add_adjustment(order::AddAdjustmentRequest) -> order::Order:
            AddAdjustment POST "*" ["/v1/orders/{order_id}/adjustments"];
        remove_adjustment(order::RemoveAdjustmentRequest) -> order::Order:
            RemoveAdjustment DELETE "" ["/v1/orders/{order_id}/adjustments/{adjustment_id}"];
        checkout(order::CheckoutRequest) -> order::Order: Checkout POST "*" ["/v1/orders/{id}:checkout"];
        create_order(order::CreateOrderRequest) -> order::Order: CreateOrder POST "*" ["/v1/orders"];
        reopen_order(order::ReopenOrderRequest) -> order::Order: ReopenOrder POST "*" ["/v1/orders/{id}:reopen"];
        get_order(order::GetOrderRequest) -> order::Order: GetOrder GET "" ["/v1/orders/{id}"];
        count_orders(order::CountOrdersRequest) -> order::CountOrdersResponse: CountOrders GET "" ["/v1/orders:count"];
        list_orders(order::ListOrdersRequest) -> order::ListOrdersResponse: ListOrders GET "" ["/v1/orders"];
        cancel_order(order::CancelOrderRequest) -> order::Order: CancelOrder POST "*" ["/v1/orders/{id}:cancel"];
        ship_order(order::ShipOrderRequest) -> order::Order: ShipOrder POST "*" ["/v1/orders/{id}:ship"];
        deliver_order(order::DeliverOrderRequest) -> order::Order:
            DeliverOrder POST "*" ["/v1/orders/{id}:deliver"];
        list_order_events(order::ListOrderEventsRequest) -> order::ListOrderEventsResponse:
            ListOrderEvents GET "" ["/v1/orders/{order_id}/events"];
        list_purchases(order::ListPurchasesRequest) -> order::ListPurchasesResponse:
            ListPurchases GET "" ["/v1/users/{user_id}/purchases"];
    }
    "feira.payment.v1.PaymentService" PaymentServiceClient {
        get_payment(payment::GetPaymentRequest) -> payment::Payment: GetPayment GET "" ["/v1/payments/{id}"];
        list_payments(payment::ListPaymentsRequest) -> payment::ListPaymentsResponse:
            ListPayments GET "" ["/v1/payments"];
        list_payment_types(payment::ListPaymentTypesRequest) -> payment::ListPaymentTypesResponse:
            ListPaymentTypes GET "" ["/v1/paymentTypes"];
        acknowledge_payment(payment::AcknowledgePaymentRequest) -> payment::Payment:
            AcknowledgePayment POST "*" ["/v1/payments/{id}:acknowledge"];
        capture_payment(payment::CapturePaymentRequest) -> payment::Payment:
            CapturePayment POST "*" ["/v1/payments/{id}:capture"];
        void_payment(payment::VoidPaymentRequest) -> payment::Payment: VoidPayment POST "*" ["/v1/payments/{id}:void"];
        refund_payment(payment::RefundPaymentRequest) -> payment::Refund:
            RefundPayment POST "*" ["/v1/payments/{id}:refund"];
        list_refunds(payment::ListRefundsRequest) -> payment::ListRefundsResponse:
            ListRefunds GET "" ["/v1/payments/{payment_id}/refunds"];
        list_disputes(payment::ListDisputesRequest) -> payment::ListDisputesResponse:
            ListDisputes GET "" ["/v1/payments/{payment_id}/disputes"];
        list_payment_events(payment::ListPaymentEventsRequest) -> payment::ListPaymentEventsResponse:
            ListPaymentEvents GET "" ["/v1/payments/{payment_id}/events"];
        settle_payment(payment::SettlePaymentRequest) -> payment::Payment:
            SettlePayment POST "*" ["/v1/payments/{id}:settle"];
        list_ledger_entries(payment::ListLedgerEntriesRequest) -> payment::ListLedgerEntriesResponse:
            ListLedgerEntries GET "" ["/v1/ledgerEntries"];
        receive_provider_event(payment::ReceiveProviderEventRequest) -> ():
            ReceiveProviderEvent POST "event" ["/v1/payments/providers/{provider}/events"];
    }
    "feira.mesh.v1.MeshService" MeshServiceClient {
        list_instances(mesh::ListInstancesRequest) -> mesh::ListInstancesResponse:
            ListInstances GET "" ["/v1/instances"];
        verify_audit(mesh::VerifyAuditRequest) -> mesh::VerifyAuditResponse:
            VerifyAudit POST "*" ["/v1/audit:verify"];
    }
}
