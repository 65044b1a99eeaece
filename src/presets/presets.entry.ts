/**
 * Options for the providers of well-known issuers.
 * @module nestjs-forge-auth/presets
 */
export { apigee, type ApigeePresetOptions } from './apigee.preset.js';
export { atlassian } from './atlassian.preset.js';
export { auth0, type Auth0PresetOptions } from './auth0.preset.js';
export { cognito, type CognitoPresetOptions } from './cognito.preset.js';
export { docusign, type DocusignPresetOptions } from './docusign.preset.js';
export { entra, type EntraPresetOptions } from './entra.preset.js';
export { githubApp, type GithubAppPresetOptions } from './github-app.preset.js';
export { google, type GooglePresetOptions } from './google.preset.js';
export { keycloak, type KeycloakPresetOptions } from './keycloak.preset.js';
export { okta, type OktaPresetOptions } from './okta.preset.js';
export { paypal, type PaypalPresetOptions } from './paypal.preset.js';
export { salesforce, type SalesforcePresetOptions } from './salesforce.preset.js';
export { servicenow, type ServicenowPresetOptions } from './servicenow.preset.js';
export { shopify, type ShopifyPresetOptions } from './shopify.preset.js';
export { slack, type SlackPresetOptions } from './slack.preset.js';
export { zoom, type ZoomPresetOptions } from './zoom.preset.js';
export type { Preset } from './preset.js';
