import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER } from '@nestjs/core';
import { ForgeAuthExceptionFilter, ForgeAuthModule } from 'nestjs-forge-auth';
import { ForgeDashboardModule } from 'nestjs-forge-auth/dashboard';
import { CalendarModule } from './calendar/calendar.module.js';
import { InvoicesModule } from './invoices/invoices.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { PricesModule } from './prices/prices.module.js';
import { ProfileModule } from './profile/profile.module.js';
import { WeatherModule } from './weather/weather.module.js';

/**
 * The app listens on this machine alone. This keeps out another site's page whose name is pointed at it; an app of yours
 * asks who is signed in.
 */
function isAskedAtThisMachine(request: unknown): boolean {
  const { host = '' } = (request as { headers: { host?: string } }).headers;
  return /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(host);
}

/** An app that calls six services, each protected in its own way. Where they are is in the environment. */
@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }),
    ForgeAuthModule.forRoot({ defaults: { timeoutMs: 10_000 } }),
    ForgeDashboardModule.forRoot({ guard: isAskedAtThisMachine }),
    OrdersModule,
    PricesModule,
    InvoicesModule,
    WeatherModule,
    ProfileModule,
    CalendarModule,
  ],
  providers: [{ provide: APP_FILTER, useValue: new ForgeAuthExceptionFilter({ passStatuses: [404] }) }],
})
export class AppModule {}
