import 'reflect-metadata';
import assert from 'node:assert/strict';
import * as cacheManager from '@nestjs/cache-manager';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as forge from 'nestjs-forge-auth';
import { Logger, PinoLogger } from 'nestjs-pino';
import { boot } from './boot.mjs';

// Its own stream would write past process.stdout.write.
const stream = { write: (line) => process.stdout.write(line) };
const logger = new Logger(new PinoLogger({ pinoHttp: { stream, base: null } }), {});
const entry = await boot({ forge, cacheManager, common, core, logger, logging: { asObject: true } });
assert.equal(entry.context, 'ForgeAuth');
assert.equal(entry.status, 200);
assert.match(entry.message, /^GET http/);
