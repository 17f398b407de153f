// Nest 11, with a WebSocket on its port: http://127.0.0.1:8000/ and ws://127.0.0.1:8000/live/.
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createServer, requireWebSocket } from 'twobyte';

@Controller()
class AppController {
  @Get()
  page(): string {
    return 'the app';
  }
}

@Module({ controllers: [AppController] })
class AppModule {}

const server = createServer();
server.route('/live/', requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
}));

const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
server.attach(app.getHttpServer());
await app.listen(process.env.PORT ?? 8000, '127.0.0.1');
console.log('port', app.getHttpServer().address().port);
