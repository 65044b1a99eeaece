import { Kafka } from 'kafkajs';
import type { TokenManager } from 'nestjs-forge-auth';

/** KafkaJS asks for the token whenever it logs in: at each connection, and before the session that the broker granted ends. */
export function createKafka(tokens: TokenManager, brokers: string[], ssl = true): Kafka {
  const oauthBearerProvider = async () => ({ value: (await tokens.getToken()).accessToken });
  return new Kafka({ clientId: 'my-app', brokers, ssl, sasl: { mechanism: 'oauthbearer', oauthBearerProvider } });
}
