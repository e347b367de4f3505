// A process of its own: node echo-responder.js URL ADDRESS. Answers each request with what it was sent.
import { connect } from 'nats';

const [url = '', address = ''] = process.argv.slice(2);
const connection = await connect({ servers: url });
connection.subscribe(address, { callback: (_, message) => message.respond(message.data) });
await connection.flush();
process.send?.('ready');
process.on('disconnect', () => process.exit());
