//! The layer in front of every site: delays, outages, and the portal's own clock.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{HangUp, hang_up, page_with_status};
use crate::portal::Portal;
use crate::settings::Availability;
use crate::world::Portals;

pub(crate) async fn front_door(
    State((portals, portal)): State<(Arc<Portals>, Portal)>,
    request: Request,
    next: Next,
) -> Response {
    let settings = portals.settings(portal);
    let asset = request.uri().path().starts_with("/assets/");
    if !asset {
        tokio::time::sleep(portals.latency(&settings)).await;
    }
    let mut response = match settings.availability {
        Availability::Up => next.run(request).await,
        Availability::Maintenance => page_with_status(
            StatusCode::SERVICE_UNAVAILABLE,
            "maintenance.html",
            json!({"portal": portal.name()}),
        ),
        Availability::ServerError => {
            let status = StatusCode::from_u16(settings.error_status)
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (
                status,
                [(header::CONTENT_TYPE, "text/html")],
                format!("<html><body><h1>{status}</h1><hr>nginx</body></html>"),
            )
                .into_response()
        }
        Availability::Down => hang_up(),
    };
    if response.extensions().get::<HangUp>().is_some() {
        return response;
    }
    let headers = response.headers_mut();
    // The `Date` header (RFC 9110, section 6.6.1) shows the portal's own clock, right or wrong.
    let date = portals.portal_time(portal).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        headers.insert(header::DATE, date);
    }
    let caching = if asset { "public, max-age=3600" } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
