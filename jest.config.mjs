/** What starts servers and processes of its own mostly waits for them, and is kept from what keeps both cores busy. */
const WAITING = [
  'test/fleet',
  'test/storage',
  'test/lock',
  'test/sample',
  'test/module/exit',
  'test/module/optional-peers',
  'test/opentelemetry/auto-instrumentations',
  'test/dashboard',
  'test/browser',
  'test/site',
];

const shared = {
  testEnvironment: 'node',
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nestjs-forge-auth$': '<rootDir>/src/index.ts',
    '^nestjs-forge-auth/([a-z]+)$': '<rootDir>/src/$1/$1.entry.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: false },
        },
        module: { type: 'es6' },
      },
    ],
  },
  setupFiles: ['reflect-metadata'],
};
const ignored = ['/node_modules/', '<rootDir>/test/stock-apps/'];

/** `npm test` runs one project, then the other, each in two workers. @type {import('jest').Config} */
export default {
  testTimeout: 30_000,
  // What a file loads stays in memory after it: without fresh workers, the last files of a run take two to five times the CPU.
  workerIdleMemoryLimit: '200MB',
  projects: [
    {
      ...shared,
      displayName: 'computing',
      testPathIgnorePatterns: [...ignored, ...WAITING.map((path) => `<rootDir>/${path}`)],
    },
    {
      ...shared,
      displayName: 'waiting',
      testPathIgnorePatterns: [
        ...ignored,
        '<rootDir>/src/',
        `<rootDir>/test/(?!(${WAITING.map((path) => path.slice('test/'.length)).join('|')}))`,
      ],
    },
  ],
  ...(process.env.CI && { reporters: ['default', '<rootDir>/.ci/closing-line.mjs'] }),
};
