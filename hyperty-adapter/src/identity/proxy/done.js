const { ticket, origin } = document.body.dataset;
if (window.opener) {
  window.opener.postMessage('LOGINDONE', '*');
  if (origin) window.opener.postMessage({ type: 'LOGINDONE', ticket }, origin);
}
