"""The driver of aiokafka; see ../driven-clients/driver.ts for what it is told."""

import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "driven-clients"))

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition  # noqa: E402
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete  # noqa: E402
from aiokafka.admin.config_resource import ConfigResource  # noqa: E402
from aiokafka.coordinator.assignors.range import RangePartitionAssignor  # noqa: E402
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor  # noqa: E402
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor  # noqa: E402
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment  # noqa: E402
from aiokafka.errors import KafkaError, for_code  # noqa: E402
from driver_protocol import (  # noqa: E402
    Refused, answer_error, decoded_records, note, parse, tell_assigned, tell_record, tell_revoked, write,
)

common = {"bootstrap_servers": sys.argv[1], "client_id": f"driver-{os.getpid()}", "metadata_max_age_ms": 1_000}
assignors = {
    "range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
}
# Sources of configs as DescribeConfigs numbers them.
TOPIC_CONFIG = 1
DEFAULT_CONFIG = 5
producer = None
consumer = None
polling = None
consumer_topic = None
administrator = None
asker = None


async def admin():
    global administrator
    if administrator is None:
        administrator = AIOKafkaAdminClient(**common)
        await administrator.start()
    return administrator


async def open_producer(acks, compression, idempotent):
    global producer
    producer = AIOKafkaProducer(
        **common, acks={"none": 0, "leader": 1, "all": "all"}[acks], enable_idempotence=idempotent,
        compression_type=None if compression == "none" else compression,
        # What waits for a broker that starts again is given up after this.
        request_timeout_ms=120_000)
    await producer.start()


async def produce(topic, records):
    futures = []
    for record in decoded_records(records):
        futures.append(await producer.send(
            topic, value=record["value"], key=record["key"], headers=record["headers"],
            partition=record["partition"], timestamp_ms=record["timestamp"]))
    stored = []
    for future in futures:
        metadata = await future
        # Without acknowledgements there is no metadata.
        stored.append({"partition": metadata.partition if metadata else -1,
                       "offset": metadata.offset if metadata else None})
    return stored


async def close_producer():
    await producer.stop()


class Listener(ConsumerRebalanceListener):
    def __init__(self, client):
        self.client = client

    async def on_partitions_assigned(self, assigned):
        tell_assigned(self.client._coordinator.member_id, [one.partition for one in assigned])

    async def on_partitions_revoked(self, revoked):
        tell_revoked([one.partition for one in revoked])


async def open_consumer(topic, start, group=None, partitions=None, commit="when-told", assignor=None,
                        instanceId=None, sessionTimeoutMs=6_000):
    global consumer, consumer_topic, polling
    consumer_topic = topic
    consumer = AIOKafkaConsumer(
        **common, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100,
        session_timeout_ms=sessionTimeoutMs, heartbeat_interval_ms=200, rebalance_timeout_ms=15_000,
        group_instance_id=instanceId, partition_assignment_strategy=[assignors[assignor or "range"]])
    if group is not None:
        consumer.subscribe([topic], listener=Listener(consumer))
        await consumer.start()
    else:
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(wanted)
        await consumer.start()
        if start == "earliest":
            await consumer.seek_to_beginning(*wanted)
        elif start == "latest":
            await consumer.seek_to_end(*wanted)
        else:
            for one in wanted:
                consumer.seek(one, start)
    polling = asyncio.create_task(poll(consumer, commit == "each"))


async def poll(client, commits):
    while True:
        try:
            batches = await client.getmany(timeout_ms=100)
        except KafkaError as error:
            note(f"poll: {error!r}")
            await asyncio.sleep(0.1)
            continue
        for records in batches.values():
            for record in records:
                tell_record(
                    record.topic, record.partition, record.offset, record.timestamp, record.key, record.value,
                    record.headers)
        if batches and commits:
            try:
                await client.commit()
            except KafkaError as error:
                note(f"commit: {error!r}")


def at(partition):
    return TopicPartition(consumer_topic, partition)


async def commit(offsets):
    await consumer.commit({at(partition): offset for partition, offset in offsets})


async def committed(partitions):
    return [await consumer.committed(at(partition)) for partition in partitions]


async def seek(partition, offset):
    consumer.seek(at(partition), offset)


async def seek_to_time(timestamp):
    found = await consumer.offsets_for_times({one: timestamp for one in consumer.assignment()})
    for one, place in found.items():
        consumer.seek(one, place.offset)
    return [place.offset for _, place in sorted(found.items())]


async def pause(partitions):
    consumer.pause(*map(at, partitions))


async def resume(partitions):
    consumer.resume(*map(at, partitions))


async def close_consumer():
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    await consumer.stop()


async def list_offset(topic, partition, at):
    global asker
    if asker is None:
        # Offsets are asked of a consumer; the administrator has no call for it.
        asker = AIOKafkaConsumer(**common)
        await asker.start()
    wanted = TopicPartition(topic, partition)
    if at == "earliest":
        return (await asker.beginning_offsets([wanted]))[wanted]
    if at == "latest":
        return (await asker.end_offsets([wanted]))[wanted]
    found = (await asker.offsets_for_times({wanted: at}))[wanted]
    return -1 if found is None else found.offset


async def create_topics(topics, validateOnly):
    wanted = [
        NewTopic(one["name"], one["partitions"], one.get("replicationFactor", 1), topic_configs=one.get("configs", {}))
        for one in topics]
    answer = await (await admin()).create_topics(wanted, validate_only=validateOnly)
    return {topic: code for topic, code, *_ in answer.topic_errors}


async def delete_topics(names):
    answer = await (await admin()).delete_topics(names)
    return {topic: code for topic, code, *_ in answer.topic_error_codes}


async def create_partitions(topic, count):
    await (await admin()).create_partitions({topic: NewPartitions(count)})


async def list_topics():
    return await (await admin()).list_topics()


async def describe_topic(topic):
    [found] = await (await admin()).describe_topics([topic])
    if found["error_code"] != 0:
        raise Refused(found["error_code"], topic)
    return [{key: one[key] for key in ("partition", "leader", "replicas", "isr")} for one in found["partitions"]]


async def describe_cluster():
    found = await (await admin()).describe_cluster()
    brokers = [{"id": one["node_id"], "host": one["host"], "port": one["port"]} for one in found["brokers"]]
    return {"brokers": brokers, "controller": found["controller_id"]}


async def entries_of(type, name):
    """Pairs of value and source for each config."""
    [answer] = await (await admin()).describe_configs([ConfigResource(type, name)])
    [resource] = answer.to_object()["resources"]
    if resource["error_code"] != 0:
        raise Refused(resource["error_code"], resource["error_message"])
    return {one["config_names"]: (one["config_value"], one["config_source"]) for one in resource["config_entries"]}


async def describe_configs(type, name):
    entries = await entries_of(type, name)
    return {key: {"value": value, "isDefault": source == DEFAULT_CONFIG} for key, (value, source) in entries.items()}


async def alter_configs(topic, set, reset):
    # Its AlterConfigs replaces all that a topic has, so what shall stay is sent again.
    entries = await entries_of("topic", topic)
    kept = {key: value for key, (value, source) in entries.items() if source == TOPIC_CONFIG and key not in reset}
    answers = await (await admin()).alter_configs([ConfigResource("topic", topic, {**kept, **set})])
    for code, message, *_ in answers[0].resources:
        if code != 0:
            raise Refused(code, message)


async def list_groups():
    return [name for name, *_ in await (await admin()).list_consumer_groups()]


async def describe_group(group, topic):
    [answer] = await (await admin()).describe_consumer_groups([group])
    [found] = answer.to_object()["groups"]
    if found["error_code"] != 0:
        raise for_code(found["error_code"])()
    members = []
    for one in found["members"]:
        assignment = one["member_assignment"]
        assigned = ConsumerProtocolMemberAssignment.decode(assignment).assignment if assignment else []
        members.append({
            "memberId": one["member_id"], "clientId": one["client_id"], "instanceId": None,
            "partitions": [partition for name, partitions in assigned if name == topic for partition in partitions],
        })
    return {"state": found["state"], "members": members}


async def group_offsets(group, topic):
    found = await (await admin()).list_consumer_group_offsets(group)
    return [[one.partition, place.offset] for one, place in found.items() if one.topic == topic and place.offset >= 0]


async def delete_records(topic, partition, offset):
    wanted = TopicPartition(topic, partition)
    return (await (await admin()).delete_records({wanted: RecordsToDelete(offset)}))[wanted]


def code_of(error):
    return error.code if isinstance(error, Refused) else getattr(error, "errno", None)


commands = {
    "openProducer": open_producer, "produce": produce, "closeProducer": close_producer,
    "openConsumer": open_consumer, "commit": commit, "committed": committed, "seek": seek,
    "seekToTime": seek_to_time, "pause": pause, "resume": resume, "closeConsumer": close_consumer,
    "listOffset": list_offset, "createTopics": create_topics, "deleteTopics": delete_topics,
    "createPartitions": create_partitions, "listTopics": list_topics, "describeTopic": describe_topic,
    "describeCluster": describe_cluster, "describeConfigs": describe_configs, "alterConfigs": alter_configs,
    "listGroups": list_groups, "describeGroup": describe_group, "groupOffsets": group_offsets,
    "deleteRecords": delete_records,
}


async def main():
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request_id, command, parameters = parse(line)
        try:
            write({"id": request_id, "result": await commands[command](**parameters)})
        except Exception as error:
            answer_error(request_id, error, code_of)
    # No goodbyes: consumers would leave their groups.
    os._exit(1)


asyncio.run(main())
