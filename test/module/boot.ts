import type { INestApplicationContext, LoggerService, ModuleMetadata } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { recordingLogger } from '../support/recording-logger.js';

/** Options that a test app is started with. */
export interface BootOptions {
  logger?: LoggerService;
}

/** Starts a real Nest application context of these modules and providers. Whoever starts it closes it. */
export async function boot(metadata: ModuleMetadata, options: BootOptions = {}): Promise<INestApplicationContext> {
  class TestApp {}
  Module(metadata)(TestApp);
  const { logger = recordingLogger() } = options;
  return NestFactory.createApplicationContext(TestApp, { logger, abortOnError: false });
}

/** Returns the error that a start fails with. Fails itself, and closes the app, if it succeeds. */
export async function bootFailure<E = Error>(metadata: ModuleMetadata): Promise<E> {
  let app: INestApplicationContext;
  try {
    app = await boot(metadata);
  } catch (error) {
    return error as E;
  }
  await app.close();
  throw new Error('It started.');
}
