//! Somebody with a browser that keeps cookies, and follows nothing by itself.

use serde_json::Value;
use std::collections::BTreeMap;
use ureq::Agent;

#[derive(Clone)]
pub(crate) struct Person {
    agent: Agent,
    base: String,
    cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Reply {
    /// Where it leads.
    pub(crate) fn location(&self) -> &str {
        self.headers.iter().find(|(name, _)| name == "location").map_or("", |(_, value)| value)
    }

    /// A parameter of where it leads.
    pub(crate) fn param(&self, name: &str) -> String {
        let url = url::Url::parse(self.location()).unwrap_or_else(|_| panic!("no address: {self:?}"));
        let found = url.query_pairs().find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }

    /// The first hidden field of this name.
    pub(crate) fn hidden(&self, name: &str) -> String {
        self.hidden_all(name).into_iter().next().unwrap_or_else(|| panic!("no {name}: {}", self.body))
    }

    pub(crate) fn hidden_all(&self, name: &str) -> Vec<String> {
        let before = format!("name=\"{name}\" value=\"");
        self.body
            .split(&before)
            .skip(1)
            .filter_map(|rest| Some(rest.split('"').next()?.replace("&amp;", "&")))
            .collect()
    }
}

impl Person {
    pub(crate) fn at(base: &str) -> Self {
        let config =
            Agent::config_builder().max_redirects(0).max_redirects_will_error(false).http_status_as_error(false);
        let agent = config.proxy(None).build().into();
        Self { agent, base: base.to_owned(), cookies: BTreeMap::new() }
    }

    pub(crate) fn clone_without_cookies(&self) -> Self {
        Self { cookies: BTreeMap::new(), ..self.clone() }
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.agent.get(self.address(path)).header("cookie", self.jar());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.call().expect("it answers");
        self.read(response)
    }

    /// Sends a form of a page that was loaded: with its secret, from its origin.
    pub(crate) fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let secret = self.cookies.get("__Host-colloquy-form").cloned().unwrap_or_default();
        let mut all = vec![("form", secret.as_str())];
        all.extend_from_slice(fields);
        let origin = self.base.clone();
        self.post(path, &all, &[("origin", &origin)])
    }

    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(path, &body, "application/x-www-form-urlencoded", headers)
    }

    /// Sends a body.
    pub(crate) fn send(&mut self, path: &str, body: &str, kind: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.agent.post(self.address(path)).header("cookie", self.jar()).header("content-type", kind);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send(body).expect("it answers");
        self.read(response)
    }

    fn address(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() }
    }

    fn jar(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn read(&mut self, mut response: ureq::http::Response<ureq::Body>) -> Reply {
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
            .collect();
        for (_, cookie) in headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = response.body_mut().read_to_string().expect("text");
        Reply { status: response.status().as_u16(), headers, body }
    }
}
