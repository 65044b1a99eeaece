require('reflect-metadata');
const cacheManager = require('@nestjs/cache-manager');
const common = require('@nestjs/common');
const core = require('@nestjs/core');
const forge = require('nestjs-forge-auth');
const { boot } = require('./boot.mjs');

void boot({ forge, cacheManager, common, core });
