// A process of its own: node hundred-responders.js URL ADDRESS. One hundred who answer each request with a vote, three in
// four of them with the same one; the slowest takes a second.
import { connect } from 'nats';

const RESPONDERS = 100;
const SLOWEST = 1_000;

const [url = '', address = ''] = process.argv.slice(2);
const connection = await connect({ servers: url });
for (let index = 0; index < RESPONDERS; index += 1) {
  const vote = { specversion: '1.0', id: `vote-${index}`, source: '/voters', type: 'vote.cast' };
  const data = JSON.stringify({ ...vote, datacontenttype: 'application/json', data: index % 4 === 0 ? 'no' : 'yes' });
  connection.subscribe(address, {
    callback: (_, message) => {
      if (index === 0) setTimeout(() => message.respond(data), SLOWEST);
      else message.respond(data);
    },
  });
}
await connection.flush();
process.send?.('ready');
process.on('disconnect', () => process.exit());
