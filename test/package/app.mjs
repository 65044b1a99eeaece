import 'reflect-metadata';
import * as cacheManager from '@nestjs/cache-manager';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as forge from 'nestjs-forge-auth';
import { boot } from './boot.mjs';

await boot({ forge, cacheManager, common, core });
