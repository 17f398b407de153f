// The prices of fifty currencies, each in a feed of its own, which keeps only the newest.
import { connect } from '@nats-io/transport-node';
import { createFeeds } from 'twobyte';
import { natsLog } from 'twobyte/nats';

export const symbols = `
AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP GBP HKD HUF IDR ILS INR ISK JPY KES KRW KZT
LKR MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR`.trim().split(/\s/);

const connection = await connect({ servers: process.env.NATS_URL, maxReconnectAttempts: -1, timeout: 2000 });
export const prices = createFeeds({ log: (symbol) => natsLog(connection, `prices.${symbol}`, { keep: 1 }) });
