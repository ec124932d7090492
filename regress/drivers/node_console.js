// The console by node-postgres: node node_console.js HOST PORT USER
// Prints one JSON object of what came back.

const { Client } = require('pg');
const Cursor = require('pg-cursor');

const [host, port, user] = process.argv.slice(2);

async function main() {
	const client = new Client({ host, port: Number(port), user, database: 'walbouncer' });
	const found = {};

	await client.connect();
	// the simple protocol, and several statements
	let result = await client.query('SHOW STANDBYS');
	found.types = Object.fromEntries(result.fields.map(f => [f.name, f.dataTypeID]));
	found.rows = result.rows;
	result = await client.query('BEGIN; SHOW version; COMMIT');
	found.several = result.map(r => r.command);

	// the extended one: a named statement, twice
	const named = { name: 'standbys', text: 'SHOW STANDBYS' };
	found.named = [(await client.query(named)).rows, (await client.query(named)).rows];

	// a portal, some rows at a time
	const cursor = client.query(new Cursor('SHOW HELP'));
	found.cursor = [];
	for (;;) {
		const rows = await cursor.read(3);
		if (rows.length === 0)
			break;
		found.cursor.push(rows.length);
	}
	await cursor.close();

	// errors, and that there is a life behind them
	found.errors = [];
	for (const query of ['bogus', { name: 'x', text: 'bogus' }, { text: 'KILL $1', values: ['x'] }]) {
		try {
			await client.query(query);
			found.errors.push(null);
		} catch (error) {
			found.errors.push(error.code);
		}
	}
	found.version = (await client.query('SHOW VERSION')).rows[0].version;
	await client.end();
	console.log(JSON.stringify(found));
}

main().catch(error => { console.error(error); process.exit(1); });
