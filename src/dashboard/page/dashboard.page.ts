/**
 * The page. It holds no data but the token that its actions send back: what it shows comes as JSON and is written as text.
 * @param base relative URL of the dashboard
 */
export function dashboardPage(base: string, csrfToken: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="forge-base" content="${base}">
<meta name="forge-csrf" content="${csrfToken}">
<title>Forge Auth</title>
<link rel="icon" href="${base}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${base}/dashboard.css">
<script src="${base}/dashboard.js" defer></script>
</head>
<body>
<a class="skip" href="#services">Skip to the services</a>
<header>
<h1>Forge Auth</h1>
<p id="connection" role="status">Connecting …</p>
</header>
<main>
<section aria-labelledby="services-heading">
<h2 id="services-heading">Services</h2>
<div id="services" tabindex="-1"></div>
</section>
<section aria-labelledby="storages-heading">
<h2 id="storages-heading">Storages</h2>
<table>
<thead><tr><th scope="col">Storage</th><th scope="col">State</th><th scope="col">Lock</th><th scope="col">Lock state</th><th scope="col">At rest</th></tr></thead>
<tbody id="storages"></tbody>
</table>
</section>
<p id="result" role="status" aria-live="polite"></p>
<noscript>This page needs JavaScript.</noscript>
</main>
<dialog id="confirm" aria-labelledby="confirm-question">
<form method="dialog">
<p id="confirm-question"></p>
<menu>
<button value="cancel" id="confirm-no" autofocus>Cancel</button>
<button value="confirm" id="confirm-yes" class="danger">Confirm</button>
</menu>
</form>
</dialog>
</body>
</html>
`;
}

/** A key, for the browser's tab. */
export const DASHBOARD_ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="5" cy="8" r="3.5" fill="none" stroke="#1f5fbf" stroke-width="2"/><path d="M8.5 8H15v3m-3-3v2" fill="none" stroke="#1f5fbf" stroke-width="2"/></svg>';
