import { createKeyv } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import { type DynamicModule, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER } from '@nestjs/core';
import { ForgeAuthExceptionFilter, ForgeAuthModule } from 'nestjs-forge-auth';
import { OrdersModule } from '../../app/orders/orders.module.js';
import { PricesModule } from '../../app/prices/prices.module.js';
import { ParentTokenStorage } from './parent.token-storage.js';

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }), OrdersModule, PricesModule],
  providers: [{ provide: APP_FILTER, useValue: new ForgeAuthExceptionFilter({ passStatuses: [404] }) }],
})
class FleetModule {}

/** Two services of the sample's app, with their tokens in a place that all processes share. */
export function fleetModule({ FLEET_REDIS_URL, FLEET_NAMESPACE }: NodeJS.ProcessEnv): DynamicModule {
  const imports = FLEET_REDIS_URL === undefined ? inParent() : inRedis(FLEET_REDIS_URL, FLEET_NAMESPACE);
  return { module: FleetModule, imports };
}

/** The app's own cache is used: that it is over Redis is all there is to say. */
function inRedis(url: string, namespace = 'sample'): DynamicModule[] {
  const cache = createKeyv(url, { namespace });
  return [CacheModule.register({ isGlobal: true, stores: [cache] }), ForgeAuthModule.forRoot()];
}

function inParent(): DynamicModule[] {
  return [ForgeAuthModule.forRoot({ storage: new ParentTokenStorage() })];
}
