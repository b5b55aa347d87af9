"""Pushes courses into a school's hub, then reads every record of a table as it changes.

    pip install grpcio-tools        # and run it where Python finds proto/: PYTHONPATH=proto
    push_and_watch.py HUB PUSH_TOKEN READ_TOKEN     HUB is host:port; with TLS use grpc.secure_channel
"""
import json
import sys

import grpc

pb, ingest = grpc.protos_and_services("schoolhub/v1/ingest.proto")
records_pb, records = grpc.protos_and_services("schoolhub/v1/records.proto")

hub, push_token, read_token = sys.argv[1:4]
channel = grpc.insecure_channel(hub)
bearer = lambda token: (("authorization", f"Bearer {token}"),)

# Where we stand: what lies at or below this position has landed, so sending it again does no harm.
pushing = ingest.IngestServiceStub(channel)
asked = pb.GetPositionRequest(source="lms", producer="python")
stand = {o.object: o.position for o in pushing.GetPosition(asked, metadata=bearer(push_token)).objects}

def messages(position):
    yield pb.PushRequest(item=pb.Item(producer=pb.Producer(source="lms", producer="python")))
    courses = [{"no": "K00001", "name": "高等数学", "hours": "64"}, {"no": "K00002", "name": "英语", "hours": "many"}]
    rows = [pb.Row(cells=cells) for cells in courses]
    yield pb.PushRequest(item=pb.Item(rows=pb.Rows(object="course", position=position + 1, rows=rows)))

answer = pushing.Push(messages(stand["course"]), metadata=bearer(push_token))
for refusal in answer.refusals:
    print(f"row {refusal.row}: {refusal.violations[0].text.zh}")

watching = records.RecordsServiceStub(channel)
for event in watching.WatchRecords(records_pb.WatchRecordsRequest(table="ODS_KCJBSJ"), metadata=bearer(read_token)):
    if event.HasField("caught_up"):
        break  # a real application keeps event.position and goes on
    print(event.record.key, "gone" if event.record.deleted else json.loads(event.record.json)["KCMC"])
