//! A folder of objects, a catalogue over it, and a client that asks it over a socket.

use crate::catalogue::http::{Doors, beside, host_router};
use crate::catalogue::{Catalogue, Settings};
use axum::Router;
use serde_json::{Value, json};
use std::borrow::Borrow;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Removed when it is no longer used.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("colloquy-catalogue-{:016x}", rand::random::<u64>()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// With an object of each type, `Talk` twice: for browsers, and for Node.
    pub(super) fn full() -> Self {
        let folder = Self::new();
        let browser = json!({"browser": true});
        folder.object("hyperty/Talk", hyperty("Talk", &browser), "Talk", Some("var talk;"));
        folder.object("hyperty/TalkOnNode", hyperty("Talk", &json!({"node": true})), "Talk", Some("var talkOnNode;"));
        let mut echo = hyperty("Echo", &json!({}));
        echo["configuration"] = json!({"deep": [1, 2]});
        echo["made"] = json!("up");
        folder.object("hyperty/Echo", echo, "EchoHyperty", Some("function activate() { return 'äöü'; }"));
        let schema = json!({"type": "DataSchema", "version": "1.0", "objectName": "Thing", "description": "A thing", "language": "JSON Schema",
            "accessControlPolicy": "any", "scheme": "thing"});
        folder.object("dataschema/Thing", schema, "Thing", Some(r#"{"type":"object"}"#));
        let stub = json!({"version": "0.1", "objectName": "Stub", "description": "Of ${domain}", "language": "javascript", "interworking": false,
            "configuration": {"url": "${node}"}, "constraints": {"browser": true},
            "sourcePackage": {"encoding": "base64", "sourceCodeClassname": "Stub", "sourceCode": "dmFyIGE7", "md5": "9D2C87FA1BC59E47FB3E3F0D6E57ED08"}});
        let mut stub = stub;
        stub["sourcePackage"]["md5"] = json!(crate::catalogue::integrity::md5_hex(b"dmFyIGE7"));
        folder.file("protocolstub/Stub/description.json", &stub.to_string());
        let proxy = json!({"version": 2, "objectName": "d.test", "description": "x", "language": "javascript"});
        folder.object("idp-proxy/d.test", proxy, "Proxy", Some("var proxy;"));
        let runtime = json!({"runtimeType": "browser", "version": "1.0", "objectName": "Far", "description": "x", "language": "javascript",
            "hypertyCapabilities": {"mic": true}, "protocolCapabilities": {"http": true}, "sourcePackageURL": "https://elsewhere.test/x"});
        folder.file("runtime/Far/description.json", &runtime.to_string());
        folder
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file of an object.
    pub(super) fn file(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes an object.
    pub(super) fn object(&self, place: &str, description: impl Borrow<Value>, class: &str, code: Option<&str>) {
        self.file(&format!("{place}/description.json"), &serde_json::to_string_pretty(description.borrow()).unwrap());
        let package = json!({"encoding": "UTF-8", "sourceCodeClassname": class});
        self.file(&format!("{place}/sourcePackage.json"), &package.to_string());
        if let Some(code) = code {
            self.file(&format!("{place}/sourceCode.js"), code);
        }
    }

    pub(super) fn settings(&self) -> Settings {
        Settings { folder: Some(self.0.clone()), ..Settings::of("d.test") }
    }

    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::new(Catalogue::new(self.settings()).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn hyperty(name: &str, constraints: &Value) -> Value {
    json!({"cguid": "ignored", "version": "0.1", "objectName": name, "description": "A hyperty", "language": "Javascript ECMA6",
        "hypertyType": ["audio", "video"], "dataObjects": [], "constraints": constraints, "sourcePackageURL": "/ignored"})
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

/// A served catalogue.
pub(super) struct Server(SocketAddr);

impl Server {
    /// On its own host.
    pub(super) async fn new(doors: Doors) -> Self {
        Self::serving(host_router(doors)).await
    }

    /// Beside others, of which one has proxies of these protocols.
    pub(super) async fn beside(doors: Doors, others: Router, protocols: &[&str]) -> Self {
        Self::serving(beside(doors, others, protocols)).await
    }

    async fn serving(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(address)
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, &[], body).await
    }

    /// Asks as `catalogue.d.test`, unless a header says otherwise.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str("Host: catalogue.d.test\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let exchange = async {
            let mut stream = TcpStream::connect(self.0).await.unwrap();
            stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            String::from_utf8(answer).unwrap()
        };
        let answer = timeout(Duration::from_secs(10), exchange).await.expect("an answer within ten seconds");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Reply { status, headers, body: body.to_owned() }
    }
}
