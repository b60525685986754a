// Identity proxy of this domain. Browsers with WebRTC identity load it by setIdentityProvider(); reTHINK runtimes load it as an IdP proxy, or by
// a protostub of the catalogue that passes `execute` messages on to the functions that activate() gives.
(function (scope) {
  'use strict';

  const issuer = '@ISSUER@';
  const domain = '@DOMAIN@';
  const protocol = '@PROTOCOL@';
  const inBrowser = typeof scope.rtcIdentityProvider !== 'undefined';

  function post(path, body) {
    const text = JSON.stringify(body);
    // Only pages and proxies of this very origin can send this header: other sites would have to ask first, and are told no.
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
    if (!body.ticket) headers['X-Colloquy-Identity'] = '1';
    if (typeof scope.fetch === 'function') {
      const options = { method: 'POST', headers, body: text, credentials: 'same-origin', cache: 'no-store' };
      return scope.fetch(issuer + path, options).then(
        (answer) => answer.json().then((value) => ({ status: answer.status, value })),
      );
    }
    return new Promise((resolve, reject) => {
      const request = new scope.XMLHttpRequest();
      request.open('POST', issuer + path);
      Object.keys(headers).forEach((name) => request.setRequestHeader(name, headers[name]));
      request.onload = () => {
        try {
          resolve({ status: request.status, value: JSON.parse(request.responseText) });
        } catch (error) {
          reject(error);
        }
      };
      request.onerror = () => reject(new Error('The identity provider cannot be reached.'));
      request.send(text);
    });
  }

  // Firefox tells in which container or private window a page is: `https://host^userContextId=7`.
  function siteOf(origin) {
    return typeof origin === 'string' ? origin.replace(/\^.*$/, '') : undefined;
  }

  // Browsers and reTHINK runtimes spell it differently.
  function loginError(origin) {
    const isSite = (text) => /^https?:\/\/[^/]+$/.test(text || '');
    const message = 'Sign in at ' + domain + ' first.';
    if (inBrowser) {
      const site = isSite(origin) ? '?origin=' + encodeURIComponent(origin) : '';
      // No Error: browsers look from outside of the sandbox, where an Error's name is always its kind's, and nothing else is seen of it.
      return { name: 'IdpLoginError', message, loginUrl: issuer + '/identity/proxy/login' + site };
    }
    const error = new Error(message);
    error.name = 'IdPLoginError';
    // A runtime waits until the window is on an address of its own origin, with `code=` in it.
    const own = isSite(origin) ? origin : (scope.location && scope.location.origin) || '';
    const back = isSite(own) ? '?origin=' + encodeURIComponent(own) + '&redirect_uri=' + encodeURIComponent(own + '/') : '';
    error.loginUrl = issuer + '/identity/proxy/login' + back;
    return error;
  }

  function answered(origin) {
    return ({ status, value }) => {
      if (status === 200) return value;
      if (status === 401) throw loginError(origin);
      const error = new Error((value && value.error_description) || 'The identity provider refused.');
      error.name = 'IdpError';
      throw error;
    };
  }

  // The hint is a name, or what a sign-in ended with: `ticket=..`, or the whole last address with `code=..` in it.
  function ticketOf(hint) {
    const found = /(?:^|[?&#])(?:ticket|code)=([A-Za-z0-9_-]{43})(?:$|[&#])/.exec(hint || '');
    return found ? found[1] : undefined;
  }

  const proxy = {
    generateAssertion(contents, from, options) {
      const origin = siteOf(from);
      const asked = typeof options === 'string' ? { usernameHint: options } : options || {};
      const text = typeof contents === 'string' ? contents : JSON.stringify(contents);
      const request = { contents: text, origin };
      const ticket = ticketOf(asked.usernameHint);
      if (ticket) request.ticket = ticket;
      if (asked.persona) request.persona = asked.persona;
      return post('/identity/assertion', request).then(answered(origin)).then((value) => ({
        assertion: value.assertion,
        idp: { domain, protocol },
        identity: value.identity,
        expires: String(value.expires),
        userProfile: value.userProfile,
        refresh: false,
      }));
    },

    validateAssertion(assertion, origin) {
      return post('/identity/assertion/validate', { assertion }).then(answered(siteOf(origin))).then((value) => ({
        identity: value.identity,
        contents: value.contents,
        userProfile: value.userProfile,
        trust: value.trust,
      }));
    },

    getUserInfo(assertion) {
      return proxy.validateAssertion(assertion).then((value) => value.userProfile);
    },

    // An assertion is for what it was made for: a new one is made instead, by whoever is signed in.
    refreshAssertion(identity) {
      const before = identity && identity.assertion;
      return proxy.validateAssertion(before).then((value) => proxy.generateAssertion(value.contents, undefined, {}));
    },
  };

  if (inBrowser) scope.rtcIdentityProvider.register(proxy);
  scope.colloquyIdpProxy = proxy;
})(typeof globalThis === 'undefined' ? this : globalThis);
