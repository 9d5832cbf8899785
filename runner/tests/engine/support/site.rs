//! A web site made of strings.

use axum::{Router, response::Html, routing::get};
use tokio::{net::TcpListener, task::JoinHandle};

/// Serves until it is dropped.
pub struct Site {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    server: JoinHandle<()>,
}

impl Site {
    pub async fn of(pages: &[(&str, &str)]) -> Self {
        Self::serve(Self::router(pages)).await
    }

    pub fn router(pages: &[(&str, &str)]) -> Router {
        pages.iter().fold(Router::new(), |router, (path, body)| {
            let page = html(body);
            router.route(path, get(move || async move { Html(page) }))
        })
    }

    pub async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let server =
            tokio::spawn(
                async move { axum::serve(listener, router).await.expect("the site runs") },
            );
        Self { url, server }
    }

    /// This machine by another name: another origin.
    pub fn other_origin(&self) -> String {
        self.url.replace("127.0.0.1", "localhost")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub fn html(body: &str) -> String {
    format!("<!doctype html><meta charset=utf-8><link rel=icon href='data:,'><body>{body}")
}
