-- Queues runs of a job by hand, beside its schedule: one, now, or one for each of the times given. `unless_paused`: not where a pause would hold them back.
local refused = founded_otherwise()
if refused then return refused end
local record = redis.call('HGET', key.jobs, arg.job)
if not record then return refuse('JOB_NOT_FOUND', 'There is no job ' .. arg.job .. '. Define it with schedule() first.') end
local parsed = parse(record)
if not parsed then return refuse('JOB_BROKEN', 'The record of job ' .. arg.job .. ' cannot be read. Define it anew.') end
local now = clock()
step.begin('jobs')
local runs, pauses = {}, {}
if arg.unless_paused == '1' then
  local names = { 'all' }
  add_pauses_of_lane(names, parsed)
  add_pauses_of_job(names, arg.job, parsed)
  look_at_pauses(names)
  for _, name in ipairs(names) do
    if pause_seen[name] then pauses[#pauses + 1] = name .. ' 0 ' .. pause_text(name) end
  end
  if #pauses > 0 then return { int(now), runs, pauses } end
end
for time in each(list.times) do runs[#runs + 1] = arg.job .. '@' .. padded(time) .. '-' .. arg.suffix end
if #runs == 0 then runs[1] = arg.job .. '@' .. padded(now) .. '-' .. arg.suffix end
for _, run in ipairs(runs) do
  make_ready(parsed.lane, parsed.priority, fire_time_of(run), run)
  mark_requeued(run)
end
if flush_lanes() then publish(int(now)) end
return { int(now), runs, pauses }
