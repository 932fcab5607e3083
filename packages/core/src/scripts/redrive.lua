-- Takes runs out of the dead letters: the ones named, or else the oldest `limit` of a queue. `retry`: each gets another attempt, now;
-- else they are forgotten. One whose job is gone is forgotten in any case, though another may have been defined under its id.
local refused = founded_otherwise()
if refused then return refused end
local now = clock()
step.begin('jobs', 'runs')
local runs, done = {}, {}
for run in each(list.runs) do runs[#runs + 1] = run end
if #runs == 0 then runs = redis.call('ZRANGE', arg.prefix .. 'dead-letters:' .. arg.queue, 0, tonumber(arg.limit) - 1) end
if #runs == 0 then return { int(now), runs } end
local texts = redis.call('HMGET', key.deadLetters, unpack(runs))

local function retry(run, attempt, of, text)
  local job = job_of(run)
  if job and of ~= former.number_of(job) then return false end
  if text ~= '' then
    -- The id has been given to another run meanwhile.
    if redis.call('HEXISTS', key.runs, run) == 1 then return false end
    redis.call('HSET', key.runs, run, text)
    -- An enqueued run ends as often as it is tried again, but stands in the history once.
    local record = parse(text)
    if record then
      for _, list in ipairs({ 'history:~', 'failures:~' }) do redis.call('LREM', arg.prefix .. list .. record.task, -1, run) end
      redis.call('HDEL', arg.prefix .. 'results:~' .. record.task, run)
    end
    redis.call('DEL', arg.prefix .. 'result:' .. run)
    redis.call('HDEL', key.finished, run)
  end
  local record = records_of({ run })[run]
  if not record then return false end
  redis.call('HSET', key.attempts, run, (tonumber(attempt) + 1) .. ' 0\n')
  mark_requeued(run)
  make_ready(record.lane, record.priority, fire_time_of(run) or now, run)
  return true
end

for i, run in ipairs(runs) do
  local attempt, queue, of, text = string.match(texts[i] or '', '^(%S+) (%S+) ?(%S*)\n(.*)$')
  if attempt then
    redis.call('ZREM', arg.prefix .. 'dead-letters:' .. queue, run)
    redis.call('HDEL', key.deadLetters, run)
    if arg.retry == '0' or retry(run, attempt, of, text) then done[#done + 1] = run end
  end
end
if flush_lanes() then publish(int(now)) end
return { int(now), done }
