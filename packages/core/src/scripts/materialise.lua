-- Writes the runs of fire times and moves the jobs' cursors on: for each job only if the leader's term, the job's version and
-- its next fire time are those that the fire times were computed from.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end

local jobs, ids = {}, {}
for job, version, expected, next_time, runs, missed, missed_from, missed_to, exact in each(list.jobs) do
  jobs[#jobs + 1] = { id = job, version = version, expected = expected, next_time = next_time,
    runs = tonumber(runs), missed = tonumber(missed), missed_from = missed_from, missed_to = missed_to, exact = exact }
  ids[#ids + 1] = job
end
if #jobs == 0 then return { int(now), '' } end
local cursors = redis.call('ZMSCORE', key.due, unpack(ids))
local states = redis.call('HMGET', key.state, unpack(ids))
local records = redis.call('HMGET', key.jobs, unpack(ids))
local head = redis.call('ZRANGE', key.waiting, 0, 0, 'WITHSCORES')[2]

local exhausted = {} -- jobs whose `maxRuns` have started
local waiting, unstarted, due, done, soonest = {}, {}, {}, {}, nil
local take = each(list.runs)
for i, job in ipairs(jobs) do
  local current = cursors[i] and int(tonumber(cursors[i])) == job.expected and records[i]
    and string.match(states[i] or '', '^%S+') == job.version
  done[i] = current and '1' or '0'
  local record = current and parse(records[i]) or nil
  local most = record and tonumber(extra(record, 'mr') or nil)
  if most and tonumber(redis.call('HGET', key.counts, job.id) or 0) >= most then exhausted[job.id] = true end
  for _ = 1, job.runs do
    local run, not_before = take()
    if current and not exhausted[job.id] then
      waiting[#waiting + 1] = not_before; waiting[#waiting + 1] = run
      unstarted[#unstarted + 1] = 0; unstarted[#unstarted + 1] = run
      local time = tonumber(not_before)
      if not soonest or time < soonest then soonest = time end
    end
  end
  if current and exhausted[job.id] then
    redis.call('ZREM', key.due, job.id)
  elseif current then
    if job.next_time == '' then redis.call('ZREM', key.due, job.id)
    else due[#due + 1] = job.next_time; due[#due + 1] = job.id end
    if job.missed > 0 then
      local detail = '{"reason":"misfire","count":' .. int(job.missed) .. ',"to":' .. job.missed_to
        .. (job.exact == '0' and ',"exact":false}' or '}')
      remember_job(job.id, entry(job.missed_from, 0, now, 'm', 0, 0, '-', detail), '', '', now)
    end
    if record then settle_misfires(job.id, record, now) end
  end
end
in_chunks('ZADD', key.waiting, waiting, 2000)
in_chunks('ZADD', key.unstarted, unstarted, 2000)
in_chunks('ZADD', key.due, due, 2000)
if flush_lanes() then publish(int(now)) end
if soonest and (not head or soonest < tonumber(head)) then publish(int(soonest)) end
return { int(now), table.concat(done) }
