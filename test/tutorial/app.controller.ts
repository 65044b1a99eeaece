import { Controller, Get, Inject } from '@nestjs/common';
import { AppService } from './app.service.js';

/** The one that `nest new` writes. It injects by name, as tests here are compiled without decorator metadata. */
@Controller()
export class AppController {
  constructor(@Inject(AppService) private readonly appService: AppService) {}

  @Get()
  getHello(): Promise<string> {
    return this.appService.getHello();
  }
}
