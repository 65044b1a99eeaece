import { Controller, Get } from '@nestjs/common';
import { type ForgeHttpClient, InjectForgeClient } from 'nestjs-forge-auth';

@Controller('profile')
export class ProfileController {
  constructor(@InjectForgeClient('profile') private readonly client: ForgeHttpClient) {}

  @Get()
  async show(): Promise<unknown> {
    const { data } = await this.client.get('/profile');
    return data;
  }
}
