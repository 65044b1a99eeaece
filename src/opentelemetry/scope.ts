/** Instrumentation scope of meters and tracers. */
export const SCOPE = 'nestjs-forge-auth';
