"""Texts that describe the dataset and its columns."""

from typing import Any

README = """\
A simulated longitudinal T1 cohort, without data of real persons.

Every participant is a smooth deformation of the MNI152 template whose ventricles widen and whose
cortex thins with time. The head is skull-stripped; the background is exactly zero. The ground
truth of every scan is in derivatives/truth. docs/phantom.md of longibench describes the simulation.
"""

RAW_README = """\
A simulated longitudinal T1 cohort of raw scans, without data of real persons.

Every participant is a smooth deformation of the MNI152 template, with skull, scalp and parts of
face and neck around it, whose ventricles widen and whose cortex thins with time. Each visit has
a different head position, voxel size, slice direction, axis order and brightness. The true
positions of the brain, its tissues and the head are in derivatives/truth.
docs/phantom.md of longibench describes the simulation.
"""

TRUTH_README = """\
Ground truth of the simulated scans.

truth.tsv           one row per visit: volumes, smallest Jacobian, acquisition effects
participants.tsv    rates of atrophy
velocity-*.nii.gz   the modes of atrophy: velocity fields in the template's space, mm
sub-*/anat/*_xfm    the map from a participant's space to the template's: displacement in mm
"""

FLOW = """
The map is that of the first visit, to the elderly template (docs/phantom.md). A later visit's map
is this one followed by the flow back through its years along the participant's sum of modes.
"""

CLEAN_FLOW = """
The map is that before any atrophy, to MNI152. A visit's map is this one followed by the flow back
through (years_before + years) of ventricle_growth * ventricles + brain_loss * (brain
+ tilt_right * left-right + tilt_front * front-back).
"""

PLAIN_TRUTH_README = """
sub-*/ses-*/anat/   of each visit:
*_desc-clean_T1w    its anatomy as the participant's first scan would show it, without noise:
                    the difference of two is the change of anatomy alone
*_to-first_xfm      in the first scan's world, where its tissue was at the first visit:
                    displacement in mm
*_desc-expected_T1w if futures were asked for: the voxelwise median of many futures of the first
                    visit, shown as the clean volumes
*_dseg              if they were asked for: labels at 1.5 mm in the scan's world, named in dseg.tsv
"""

RAW_TRUTH_README = """
sub-*/ses-*/anat/   on the grid of each scan:
*_desc-brain_mask   the brain mask, sulcal and ventricular fluid included
*_dseg              labels, named in dseg.tsv; the brain mask is where they are not 0
*_xfm.json          the head's pose: head coordinates to the scan's world, RAS mm,
                    world = pose @ head; visit j to visit i is pose_i @ inv(pose_j)
"""

PARTICIPANTS: dict[str, Any] = {
    "age": {"Description": "Age at the first visit", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "group": {
        "Description": "Diagnosis at the first visit",
        "Levels": {
            "CN": "cognitively normal",
            "MCI": "mild cognitive impairment",
            "AD": "Alzheimer's disease",
        },
    },
}

SESSIONS: dict[str, Any] = {
    "days_since_first": {
        "Description": "Time elapsed since the participant's first scan",
        "Units": "day",
    }
}

COMMON_RATES: dict[str, Any] = {
    "size": {"Description": "Volume of the head relative to the template's"},
    "tilt_right": {"Description": "How much the cortex's loss is shifted to the right"},
    "tilt_front": {"Description": "How much the cortex's loss is shifted to the front"},
}

RATES: dict[str, Any] = {
    "brain_ml": {"Description": "Aim: grey and white matter, first visit", "Units": "mL"},
    "ventricle_ml": {"Description": "Aim: lateral ventricles, first visit", "Units": "mL"},
    "hippocampus_ml": {"Description": "Aim: both hippocampi, first visit", "Units": "mL"},
    "ventricle_growth": {"Description": "Aim: growth of the ventricles per year", "Units": "mL"},
    "brain_loss": {"Description": "Aim: loss of brain, percent of the first visit's per year"},
    "hippocampus_loss": {"Description": "Aim: loss, percent of the first visit's per year"},
}

CLEAN_RATES: dict[str, Any] = {
    "brain_loss": {"Description": "Relative loss of grey and white matter per year"},
    "ventricle_growth": {
        "Description": "Growth of the ventricles per year, relative to the template's ventricles"
    },
    "years_before": {
        "Description": "Years of the same atrophy before the first visit",
        "Units": "year",
    },
}

TRUTH_COLUMNS: dict[str, Any] = {
    "years": {"Description": "Time since the first scan", "Units": "year"},
    "brain_ml": {"Description": "Grey and white matter", "Units": "mL"},
    "grey_ml": {"Description": "Grey matter, with the hippocampi", "Units": "mL"},
    "white_ml": {"Description": "White matter", "Units": "mL"},
    "ventricle_ml": {"Description": "Lateral ventricles", "Units": "mL"},
    "hippocampus_ml": {"Description": "Both hippocampi", "Units": "mL"},
    "smallest_jacobian": {"Description": "Smallest Jacobian of the map to the template, in tissue"},
    "contrast": {"Description": "Exponent on the template's intensities"},
    "gain": {"Description": "Factor on all intensities"},
    "shift_x_mm": {"Description": "Position of the head to the right", "Units": "mm"},
    "shift_y_mm": {"Description": "Position of the head to the front", "Units": "mm"},
    "shift_z_mm": {"Description": "Position of the head to the top", "Units": "mm"},
    "turn_x_degrees": {"Description": "Rotation about x", "Units": "degree"},
    "turn_y_degrees": {"Description": "Rotation about y", "Units": "degree"},
    "turn_z_degrees": {"Description": "Rotation about z", "Units": "degree"},
    "orientation": {"Description": "Directions of the axes of the scan's voxels"},
    "in_plane_mm": {"Description": "Voxel size within a slice", "Units": "mm"},
    "slice_mm": {"Description": "Distance between slices, along the last axis", "Units": "mm"},
}
