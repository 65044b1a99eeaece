/** What measures time, or starts servers and processes of its own, has the machine to itself. */
const ALONE = [
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

/** `npm test` runs the first project in two workers, then the second in one process. @type {import('jest').Config} */
export default {
  testTimeout: 30_000,
  // What a file loads stays in memory after it: without fresh workers, the last files of a run take two to five times the CPU.
  workerIdleMemoryLimit: '200MB',
  projects: [
    {
      ...shared,
      displayName: 'together',
      testPathIgnorePatterns: [...ignored, ...ALONE.map((path) => `<rootDir>/${path}`)],
    },
    {
      ...shared,
      displayName: 'alone',
      testPathIgnorePatterns: [
        ...ignored,
        '<rootDir>/src/',
        `<rootDir>/test/(?!(${ALONE.map((path) => path.slice('test/'.length)).join('|')}))`,
      ],
    },
  ],
  ...(process.env.CI && { reporters: ['default', '<rootDir>/.ci/closing-line.mjs'] }),
};
