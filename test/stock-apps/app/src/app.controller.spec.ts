import { Test, TestingModule } from '@nestjs/testing';
import { getForgeClientToken } from 'nestjs-forge-auth';
import { AppController } from './app.controller';
import { AppService } from './app.service';

describe('AppController', () => {
  let appController: AppController;

  beforeEach(async () => {
    const app: TestingModule = await Test.createTestingModule({
      controllers: [AppController],
      providers: [
        AppService,
        {
          provide: getForgeClientToken('orders'),
          useValue: { get: () => Promise.resolve({ data: { item: 'anvil' } }) },
        },
      ],
    }).compile();
    appController = app.get<AppController>(AppController);
  });

  it('returns the order', async () => {
    expect(await appController.getOrder()).toEqual({ item: 'anvil' });
  });
});
