"""Keeps the newest state of every record that schools report over Kafka, in a SQLite file.

usage: [KAFKA_SETTINGS=client.json] consume.py BROKERS FILE [TOPIC_PREFIX] [--once]      needs: pip install confluent-kafka
KAFKA_SETTINGS names a file with more settings of the client: TLS, certificates, accounts.
"""
import json, os, sqlite3, sys
from confluent_kafka import Consumer, KafkaError, KafkaException

once = "--once" in sys.argv
brokers, file, prefix = ([a for a in sys.argv[1:] if a != "--once"] + ["smartbrain.v1"])[:3]
db, ended = sqlite3.connect(file), set()
db.execute("CREATE TABLE IF NOT EXISTS school (code TEXT, topic TEXT, epoch INTEGER, PRIMARY KEY (code, topic))")
db.execute("CREATE TABLE IF NOT EXISTS record (school TEXT, tbl TEXT, key TEXT, seq INTEGER, body TEXT, PRIMARY KEY (school, tbl, key))")
more = json.load(open(os.environ["KAFKA_SETTINGS"])) if "KAFKA_SETTINGS" in os.environ else {}
consumer = Consumer({**more, "bootstrap.servers": brokers, "group.id": f"example-{file}", "enable.auto.commit": False,
                     "enable.auto.offset.store": False, "auto.offset.reset": "earliest", "enable.partition.eof": True})
consumer.subscribe([f"{prefix}.{domain}" for domain in ("basic", "major", "course", "student", "teacher", "enterprise")])
while not (once and ended and ended >= {(p.topic, p.partition) for p in consumer.assignment()}):
    messages = consumer.consume(1000, timeout=1.0)
    with db:  # one transaction: offsets are committed only after it
        for message in messages:
            if message.error():
                if message.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(message.error())
                ended.add((message.topic(), message.partition()))
                continue
            consumer.store_offsets(message)  # not by itself: that counts the end of a partition as a message
            school, key = message.key().decode().split(":", 1)
            head = {name: value.decode() for name, value in message.headers()}
            row = db.execute("SELECT epoch FROM school WHERE code = ? AND topic = ?", (school, message.topic())).fetchone()
            if row and row[0] > int(head["epoch"]):
                continue  # another hub has taken this school over; other topics say nothing of that
            db.execute("INSERT OR REPLACE INTO school VALUES (?, ?, ?)", (school, message.topic(), int(head["epoch"])))
            body = message.value().decode() if message.value() else None  # None: deleted; kept for its seq
            db.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, body = excluded.body"
                       " WHERE excluded.seq > record.seq", (school, head["table"], key, int(head["seq"]), body))
    if any(not message.error() for message in messages):
        consumer.commit(asynchronous=False)
consumer.close()
